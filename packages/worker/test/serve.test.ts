import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, test } from 'node:test';
import { type Application, attach, serve } from '../src/index.ts';
import { fetchText, RawClient } from './support/raw-client.ts';
import { appPath } from './support/spawn-worker.ts';

const children: ChildProcess[] = [];

after(async () => {
  for (const child of children) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
});

interface Alone {
  readonly child: ChildProcess;
  readonly port: number;
  readonly exited: Promise<unknown>;
  output(): string;
}

async function startAlone(lameDuckMs: number): Promise<Alone> {
  const child = spawn(process.execPath, [appPath('alone.ts')], {
    env: { ...process.env, LAME_DUCK_MS: String(lameDuckMs) },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(child);
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  const exited = once(child, 'close').then(([code, signal]) => code ?? signal);
  while (!output.includes('\n')) await once(child.stdout, 'data', { signal: AbortSignal.timeout(10_000) });
  return { child, port: Number.parseInt(output, 10), exited, output: () => output };
}

test('serve() alone answers what is in flight on SIGTERM, runs onShutdown and exits 0', async () => {
  const alone = await startAlone(0);
  const client = await RawClient.connect(alone.port);
  const silent = await RawClient.connect(alone.port);
  client.get('/slow');
  await fetchText(alone.port, '/hello');
  alone.child.kill('SIGTERM');
  assert.equal(await client.ended, 'end');
  assert.match(client.text, /Connection: close\r\n[\s\S]*slow but whole$/);
  assert.equal(await alone.exited, 0);
  assert.match(alone.output(), /shutdown ran/);
  silent.close();
});

test('R24: serve() alone with a lame-duck time accepts until it ends, while readiness fails at once', async () => {
  const alone = await startAlone(1000);
  alone.child.kill('SIGTERM');
  const start = performance.now();
  while (!/^HTTP\/1.1 503/.test(await fetchText(alone.port, '/readyz')));
  assert.ok(performance.now() - start < 900, 'readiness failed too late to tell');
  assert.match(await fetchText(alone.port, '/hello'), /Connection: close\r\n[\s\S]*hello$/);
  assert.equal(await alone.exited, 0);
  assert.ok(performance.now() - start >= 900);
});

test('serve() names the address that is taken', async () => {
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  const { port } = taken.address() as AddressInfo;
  await assert.rejects(
    serve((_request, response) => response.end(), {
      host: '127.0.0.1',
      port,
      handleSignals: false,
      exit: false,
    }),
    {
      code: 'addressInUse',
      message: `Cannot listen on "127.0.0.1:${port}": a free address was wanted: current value is EADDRINUSE`,
    },
  );
  taken.close();
});

test('serve() refuses what cannot be served and says what it got', async () => {
  await assert.rejects(serve({ port: 1, host: 'x' } as unknown as Application), {
    code: 'entryUnusable',
    message: /^Cannot serve "application": [\s\S]*: current value is an object of Object with port, host$/,
  });
});

test('a time that is none is refused by name', () => {
  assert.throws(() => attach(createServer(), { graceMs: Number.NaN }), {
    code: 'usage',
    message: /^Cannot use option "graceMs": milliseconds [\s\S]*: current value is NaN$/,
  });
});

test('attach() refuses a server that has connections already, which it could not count', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const accepted = once(server, 'connection');
  const client = await RawClient.connect((server.address() as AddressInfo).port);
  await accepted;
  assert.throws(() => attach(server), { code: 'usage', message: /current value is 1 open$/ });
  client.close();
  server.close();
});

test('drain() of an embedded server reports what it aborted and leaves the process alone', async () => {
  const server = createServer((request, response) => {
    if (request.url === '/hello') response.end('hello');
  });
  const running = await serve(server, {
    host: '127.0.0.1',
    exit: false,
    handleSignals: false,
    graceMs: 300,
    lingerMs: 0,
  });
  const { port } = server.address() as AddressInfo;
  assert.match(await fetchText(port, '/hello'), /hello$/);
  const begun = once(server, 'request');
  const client = await RawClient.connect(port);
  client.get('/never');
  await begun;
  assert.deepEqual(await running.drain(), { code: 5, aborted: ['GET /never'] });
  client.close();
});
