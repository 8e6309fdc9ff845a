import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import type { Address } from '@lameduck/core';
import { askReload, findControlApi, parseControlAddress } from '../../src/adapters/nginx/control-api.ts';
import { readArguments, readProcess } from '../../src/processes/identity.ts';
import { freePort, soon, until } from './harness.ts';

/** With lines that nginx 1.31.4 with the pull request of the API has answered. */
const refusal =
  '{"logs":["2026/11/23 04:01:20 [warn] 24972#0: low address bits of 1.2.3.4/8 are meaningless in /srv/n.conf:3\\n","2026/11/23 04:01:20 [emerg] 24972#0: unknown directive \\"bad\\" in /srv/n.conf:4\\n"]}';

function answer(status: string, body = ''): string {
  return `HTTP/1.1 ${status}\r\nServer: nginx/1.31.5\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
}

/** Listens where `place` says; ends with the test. */
async function listen(test: TestContext, server: Server, place: string | number): Promise<void> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => void sockets.add(socket.on('error', () => undefined)));
  test.after(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  await new Promise<void>((resolve) =>
    typeof place === 'string' ? server.listen(place, resolve) : server.listen(place, '127.0.0.1', resolve),
  );
}

/** Asks a server that reads one request and then says exactly this; without a text it says nothing. */
async function ask(
  test: TestContext,
  text: string | undefined,
  signal = soon(),
): Promise<{ got: Awaited<ReturnType<typeof askReload>>; asked: string }> {
  let asked = '';
  const server = createServer((socket) =>
    socket.once('data', (chunk) => {
      asked = chunk.toString('latin1');
      if (text !== undefined) socket.end(text);
    }),
  );
  await listen(test, server, 0);
  const to: Address = { kind: 'tcp', host: '127.0.0.1', port: (server.address() as AddressInfo).port };
  return { got: await askReload(to, signal), asked };
}

describe('where nginx serves its Control API', () => {
  it('is read from each form of -l; every address of the host is loopback', () => {
    const tcp = (host: string): Address => ({ kind: 'tcp', host, port: 8080 });
    const forms: readonly (readonly [string, Address | undefined])[] = [
      ['unix:/run/nginx/api.sock', { kind: 'unix', path: '/run/nginx/api.sock' }],
      ['8080', tcp('127.0.0.1')],
      ['*:8080', tcp('127.0.0.1')],
      ['0.0.0.0:8080', tcp('127.0.0.1')],
      ['192.0.2.1:8080', tcp('192.0.2.1')],
      ['localhost:8080', tcp('localhost')],
      ['[::]:8080', tcp('::1')],
      ['[::1]:8080', tcp('::1')],
      ['[2001:db8::1]:8080', tcp('2001:db8::1')],
    ];
    for (const [text, address] of forms) assert.deepEqual(parseControlAddress(text), address, text);
    for (const text of [
      '',
      'unix:',
      'unix:api.sock',
      'localhost',
      '[::1]',
      '::1:8080',
      '8080x',
      '80801',
      'a b:1',
    ])
      assert.equal(parseControlAddress(text), undefined, text);
  });

  /** A process with this title that holds the server's socket, as a master of nginx has both. */
  async function master(test: TestContext, title: string, held: Server) {
    // Node hands a server over to processes of Node only, any other gets the descriptor
    const { fd } = (held as unknown as { readonly _handle: { readonly fd: number } })._handle;
    const child = spawn('/bin/sleep', ['60'], { argv0: title, stdio: ['ignore', 'ignore', 'ignore', fd] });
    test.after(async () => {
      const ended = once(child, 'exit');
      child.kill();
      await ended;
    });
    const pid = child.pid ?? 0;
    await until(() => readArguments(pid)[0] === title);
    return { pid, startTime: readProcess(pid)?.startTime ?? 0 };
  }

  it('is what the title of a running master says, if that master listens there itself', async (test) => {
    const folder = mkdtempSync(join(tmpdir(), 'lameduck-api-'));
    test.after(() => rmSync(folder, { recursive: true, force: true }));
    const [unix, tcp, foreign] = [createServer(), createServer(), createServer()];
    const [path, other, port] = [join(folder, 'api.sock'), join(folder, 'other.sock'), await freePort()];
    await listen(test, unix, path);
    await listen(test, tcp, port);
    await listen(test, foreign, other);
    const find = async (options: string, held: Server) =>
      await findControlApi(await master(test, `nginx: master process nginx -c /n.conf${options}`, held));
    assert.deepEqual(await find(` -l unix:${path}`, unix), { kind: 'unix', path });
    assert.deepEqual(await find(` -lunix:${path} -g pid /p;`, unix), { kind: 'unix', path });
    assert.deepEqual(await find(` -l ${port}`, tcp), { kind: 'tcp', host: '127.0.0.1', port });
    assert.equal(await find(` -l unix:${other}`, unix), undefined, 'another process listens there');
    assert.equal(await find(` -l unix:${path.slice(0, -4)}`, unix), undefined, 'the title was cut short');
    assert.equal(await find('', unix), undefined, 'it was started without -l');
  });
});

describe('asking nginx for a reload', () => {
  it('is one request line that nginx reads at once, with headers that fit', async (test) => {
    const { got, asked } = await ask(test, answer('200 OK', '{"logs":[]}'));
    assert.deepEqual(got, { type: 'loaded' });
    assert.match(asked, /^PATCH \/1\/control\/config HTTP\/1\.1\r\n/);
    assert.ok(asked.endsWith('\r\n\r\n') && asked.length < 1024, asked);
  });

  it('a refusal gives what nginx logged, where it is told', async (test) => {
    const { got } = await ask(test, answer('422 Unprocessable Entity', refusal));
    assert.deepEqual(got, { type: 'refused', logs: JSON.parse(refusal).logs.join('') });
    for (const body of ['{"logs":[]}', '{"logs":[1]}', '{"logs":', '{}', '']) {
      const { got: without } = await ask(test, answer('422 Unprocessable Entity', body));
      assert.deepEqual(without, { type: 'refused', logs: '' }, body);
    }
  });

  it('200 is a reload, whatever its body', async (test) => {
    assert.deepEqual((await ask(test, answer('200 OK', '{"logs":['))).got, { type: 'loaded' });
  });

  it('another status says that nothing was done', async (test) => {
    for (const status of ['400 Bad Request', '404 Not Found', '405 Not Allowed', '500 Internal Server Error'])
      assert.deepEqual((await ask(test, answer(status))).got, { type: 'notDone' }, status);
  });

  it('nobody to connect to says so too', async () => {
    const port = await freePort();
    assert.deepEqual(await askReload({ kind: 'tcp', host: '127.0.0.1', port }, soon()), { type: 'notDone' });
    assert.deepEqual(await askReload({ kind: 'tcp', host: 'localhost', port }, soon()), { type: 'notDone' });
    assert.deepEqual(await askReload({ kind: 'unix', path: '/nowhere/api.sock' }, soon()), {
      type: 'notDone',
    });
  });

  it('what is heard and not answered in full is in doubt', async (test) => {
    const cut = answer('200 OK', '{"logs":[]}').slice(0, -3);
    for (const text of ['', 'HTTP/1.1 200', 'no HTTP at all\r\n\r\n', cut])
      assert.deepEqual((await ask(test, text)).got, { type: 'unanswered' }, text);
    assert.deepEqual((await ask(test, undefined, soon(300))).got, { type: 'unanswered' });
  });
});
