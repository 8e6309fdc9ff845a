import assert from 'node:assert/strict';
import { existsSync, statSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { syncBuiltinESMExports } from 'node:module';
import net from 'node:net';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import type { Address } from '@lameduck/core';
import { bindAddress } from '../src/bind-address.ts';
import { MasterProcess, temporaryDirectory } from './support/master-process.ts';

async function listening(test: TestContext, options: net.ListenOptions): Promise<number> {
  const server = net.createServer();
  await new Promise<void>((resolve) => server.listen(options, resolve));
  test.after(() => server.close());
  return (server.address() as net.AddressInfo).port;
}

async function assertBinds(host: string): Promise<void> {
  const listener = await bindAddress({ kind: 'tcp', host, port: 0 });
  assert.ok(listener.address.kind === 'tcp' && listener.address.port > 0);
  assert.ok(listener.fd > 2);
  await listener.close();
}

async function assertInUse(test: TestContext): Promise<void> {
  const port = await listening(test, { host: '127.0.0.1', port: 0 });
  await assert.rejects(bindAddress({ kind: 'tcp', host: '127.0.0.1', port }), {
    code: 'addressInUse',
    message: `Cannot listen on "127.0.0.1:${port}": a free address was wanted: current value is held by pid ${process.pid}`,
  });
}

describe('bindAddress', () => {
  it('binds IPv4, IPv6 and names, and tells the real port', async () => {
    for (const host of ['127.0.0.1', '::1', '::', 'localhost']) await assertBinds(host);
  });

  it('tells who holds an address that is in use', (test) => assertInUse(test as TestContext));

  it('does both without net.BoundSocket, as before Node 24.19', async (test) => {
    const { BoundSocket } = net;
    const restore = (): void => {
      Object.assign(net, { BoundSocket });
      syncBuiltinESMExports();
    };
    test.after(restore);
    Object.assign(net, { BoundSocket: undefined });
    syncBuiltinESMExports();
    await assertBinds('127.0.0.1');
    await assertBinds('::1');
    await assertInUse(test as TestContext);
    restore();
  });

  it('names what is wrong with an address of another machine or a name that does not exist', async () => {
    for (const host of ['203.0.113.7', 'does-not-exist.invalid'])
      await assert.rejects(bindAddress({ kind: 'tcp', host, port: 0 }), { code: 'startFailed' });
  });

  it('creates a unix socket with its mode, and removes it at the end', async (test) => {
    const path = join(temporaryDirectory(test as TestContext), 's');
    const listener = await bindAddress({ kind: 'unix', path }, 0o660);
    assert.equal(statSync(path).mode & 0o777, 0o660);
    await listener.close();
    assert.equal(existsSync(path), false);
  });

  it('takes the place of a stale unix socket, never of a live one or of another file', async (test) => {
    const directory = temporaryDirectory(test as TestContext);
    const path = join(directory, 's');
    // Bound but never listening: connections are refused, as after a SIGKILL.
    const stale = await bindAddress({ kind: 'unix', path });
    const fresh = await bindAddress({ kind: 'unix', path });
    await stale.close();
    await fresh.close();
    await listening(test as TestContext, { path: join(directory, 'live') });
    writeFileSync(join(directory, 'file'), '');
    for (const name of ['live', 'file'])
      await assert.rejects(bindAddress({ kind: 'unix', path: join(directory, name) }), {
        code: 'addressInUse',
      });
    await assert.rejects(bindAddress({ kind: 'unix', path: join(directory, 'missing', 's') }), {
      code: 'startFailed',
    });
  });
});

it('a second master on the same port is refused with the pid of the holder, before any worker starts', async (test) => {
  const first = new MasterProcess(test, { workers: 1 });
  const port = await first.ready();
  const second = new MasterProcess(test, { address: { kind: 'tcp', host: '127.0.0.1', port } });
  const { error } = await second.outcome;
  assert.equal(error?.code, 'addressInUse');
  assert.ok([first.pid, ...first.workerPids].includes(error?.details.pid ?? 0));
  assert.equal((await second.ended).code, 1);
  assert.deepEqual(second.workerPids, []);
});

it('a master serves on a unix socket and on IPv6', async (test) => {
  const path = join(temporaryDirectory(test), 'app.sock');
  const addresses: readonly Address[] = [
    { kind: 'unix', path },
    { kind: 'tcp', host: '::1', port: 0 },
  ];
  for (const address of addresses) {
    const master = new MasterProcess(test, { workers: 1, address });
    const port = await master.ready();
    const where = address.kind === 'unix' ? { socketPath: path } : { host: '::1', port };
    const status = await new Promise((resolve, reject) => {
      const sent = request({ ...where, path: '/', agent: false }, (response) => {
        response.resume().on('end', () => resolve(response.statusCode));
      });
      sent.on('error', reject).end();
    });
    assert.equal(status, 200);
    master.signal('SIGTERM');
    assert.equal((await master.ended).code, 0);
  }
  assert.equal(existsSync(path), false);
});
