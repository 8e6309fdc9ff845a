import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { after, test } from 'node:test';
import { delay, RawClient } from './support/raw-client.ts';
import { reapWorkers, type SpawnedWorker, spawnWorker } from './support/spawn-worker.ts';

after(reapWorkers);

const token = '0123456789abcdef';
/** Without a release it would bounce for so long: longer than any test waits. */
const bounceMs = 30_000;
const releasedMs = 15_000;

async function bouncingWorker(options: Parameters<typeof spawnWorker>[1] = {}): Promise<SpawnedWorker> {
  const worker = spawnWorker('plain.ts', { promiseToken: token, graceMs: 40_000, ...options });
  await worker.message('ready');
  worker.tell({ type: 'bounce', ms: bounceMs });
  await worker.message('draining');
  return worker;
}

function requestText(method: string, path: string, promise: string | undefined, body = ''): string {
  const head = promise === undefined ? '' : `X-Lameduck-Retry: ${promise}\r\n`;
  return `${method} ${path} HTTP/1.1\r\nHost: test\r\n${head}Content-Length: ${body.length}\r\n\r\n${body}`;
}

async function exchange(port: number, text: string): Promise<string> {
  const client = await RawClient.connect(port);
  client.write(text);
  await client.ended;
  client.close();
  return client.text;
}

function release(worker: SpawnedWorker): void {
  worker.letGo();
  worker.tell({ type: 'release' });
}

/** Long before the bouncing would have ended by itself, the worker has left. */
async function released(worker: SpawnedWorker): Promise<void> {
  const toldAt = performance.now();
  release(worker);
  assert.equal(await worker.exited, 0, worker.stderr());
  const ms = performance.now() - toldAt;
  assert.ok(ms < releasedMs, `left after ${ms} ms`);
}

/** Resolves when a connect is refused: the socket has been closed by all who had it. */
async function refused(port: number): Promise<void> {
  const deadline = AbortSignal.timeout(releasedMs);
  for (;;) {
    deadline.throwIfAborted();
    const socket = net.connect({ port, host: '127.0.0.1' });
    const code = await once(socket, 'connect', { signal: deadline }).then(
      () => undefined,
      (error: NodeJS.ErrnoException) => error.code,
    );
    socket.destroy();
    if (code === 'ECONNREFUSED') return;
    await delay(20);
  }
}

test('E26: promised idempotent requests are sent back unrun, on new connections too; the master hears of them', async () => {
  const worker = await bouncingWorker();
  for (const method of ['GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS', 'TRACE'])
    assert.equal(await exchange(worker.port, requestText(method, '/never', token)), '', method);
  assert.ok(!worker.stderr().includes('never began'), 'a handler ran');
  await worker.message('busy');
  await released(worker);
});

test('a bounced upgrade is no session', async () => {
  const worker = await bouncingWorker();
  const upgrade = requestText('GET', '/hello', token).replace(
    'Content-Length: 0',
    'Connection: Upgrade\r\nUpgrade: websocket',
  );
  assert.equal(await exchange(worker.port, upgrade), '');
  await released(worker);
});

for (const [name, text] of [
  ['a POST', requestText('POST', '/upload', token, 'body')],
  ['a PATCH', requestText('PATCH', '/upload', token, 'body')],
  ['an unpromised GET', requestText('GET', '/upload', undefined)],
  ['a GET with a forged promise', requestText('GET', '/upload', 'guess')],
] as const) {
  test(`E26: ${name} is served, and asked to leave`, async () => {
    const worker = await bouncingWorker();
    const answer = await exchange(worker.port, text);
    assert.match(answer, /^HTTP\/1.1 200 OK\r\n/);
    assert.match(answer, /\r\nConnection: close\r\n/);
    assert.match(answer, /[0-9a-f]{64}$/);
    await released(worker);
  });
}

test('nothing is bounced without a token', async () => {
  const worker = spawnWorker('plain.ts', { graceMs: 40_000 });
  await worker.message('ready');
  worker.tell({ type: 'bounce', ms: bounceMs });
  await worker.message('draining');
  assert.match(await exchange(worker.port, requestText('GET', '/hello', 'undefined')), /hello$/);
  await released(worker);
});

test('probes are answered, and are no sign of traffic', async () => {
  const worker = await bouncingWorker();
  assert.match(await exchange(worker.port, requestText('GET', '/livez', token)), /^HTTP\/1.1 200 /);
  assert.match(await exchange(worker.port, requestText('GET', '/readyz', token)), /^HTTP\/1.1 503 /);
  await delay(150);
  assert.ok(!worker.messages.some(({ type }) => type === 'busy'));
  await released(worker);
});

test('a request behind an answer that is still owed is served, as its connection must not be closed', async () => {
  const worker = await bouncingWorker();
  const client = await RawClient.connect(worker.port);
  client.write(requestText('POST', '/slow?ms=400', token, 'x') + requestText('GET', '/hello', token));
  await client.ended;
  assert.match(client.text, /slow but whole[\s\S]*hello$/);
  await released(worker);
});

test('once released nothing is accepted, and idle connections are left for the peer to close', async () => {
  const worker = await bouncingWorker({ lingerMs: 10_000 });
  const [idle, pooled] = [await RawClient.connect(worker.port), await RawClient.connect(worker.port)];
  // The third connection is answered, so the two before it have been accepted.
  await exchange(worker.port, requestText('GET', '/hello', undefined));
  release(worker);
  await refused(worker.port);
  idle.write(requestText('POST', '/upload', token, 'late'));
  await idle.ended;
  assert.match(idle.text, /4 [0-9a-f]{64}$/);
  pooled.write(requestText('GET', '/hello', token));
  await pooled.ended;
  assert.equal(pooled.text, '');
  assert.equal(await worker.exited, 0);
});
