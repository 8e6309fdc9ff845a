import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, it } from 'node:test';
import { acceptsOn, describeHolder, findListeners, holdsListener } from '../../src/processes/listeners.ts';
import { poll } from '../../src/processes/wait.ts';
import { freePort } from '../fixtures/node-runner/real-node.ts';

const servers: Server[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.close();
    await once(server, 'close');
  }
});

async function listen(host: string): Promise<number> {
  const server = createServer().listen(0, host);
  servers.push(server);
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}
const found = async (host: string, port: number): Promise<boolean> =>
  (await findListeners({ kind: 'tcp', host, port })).length > 0;

it('nobody listens on a free port', async () => {
  assert.equal(await found('127.0.0.1', await freePort()), false);
});

it('a server on the same address is found, one on another address of the port is not', async () => {
  const port = await listen('127.0.0.1');
  assert.equal(await found('127.0.0.1', port), true);
  assert.equal(await found('127.0.0.2', port), false);
  assert.equal(await found('localhost', port), true);
  assert.equal(await found('0.0.0.0', port), true);
});

it('a server on every address collides with each', async () => {
  assert.equal(await found('127.0.0.1', await listen('0.0.0.0')), true);
});

it('a server on IPv6 is found by each way to write its address', async () => {
  const port = await listen('::1');
  assert.equal(await found('::1', port), true);
  assert.equal(await found('0:0:0:0:0:0:0:1', port), true);
  assert.equal(await found('::2', port), false);
  assert.equal(await found('127.0.0.1', port), false);
});

it('a server on a unix socket is found by its path', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'lameduck-listeners-'));
  const path = join(folder, 'a.sock');
  const server = createServer().listen(path);
  servers.push(server);
  await once(server, 'listening');
  assert.equal((await findListeners({ kind: 'unix', path })).length, 1);
  assert.equal((await findListeners({ kind: 'unix', path: `${path}x` })).length, 0);
  rmSync(folder, { recursive: true, force: true });
});

it('the holder is named with its pid and command line', async () => {
  const listeners = await findListeners({
    kind: 'tcp',
    host: '127.0.0.1',
    port: await listen('127.0.0.1'),
  });
  const holder = describeHolder(listeners);
  assert.equal(holder.pid, process.pid);
  assert.match(holder.text, new RegExp(`^held by pid ${process.pid} \\(.*node`));
  assert.equal(holdsListener(process.pid, listeners), true);
  // libuv enters a new socket into its epoll set when the loop next waits.
  const accepts = (): true | undefined => (acceptsOn(process.pid, listeners) ? true : undefined);
  await poll(accepts, AbortSignal.timeout(5_000), 'see the socket in the epoll set');
  assert.equal(holdsListener(process.ppid, listeners), false);
  assert.equal(acceptsOn(process.ppid, listeners), false);
});
