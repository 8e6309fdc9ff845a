import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { after, test } from 'node:test';
import { delay, fetchText, RawClient } from './support/raw-client.ts';
import { reapWorkers, type SpawnedWorker, spawnWorker } from './support/spawn-worker.ts';

after(reapWorkers);

async function readyWorker(options: Parameters<typeof spawnWorker>[1] = {}): Promise<SpawnedWorker> {
  const worker = spawnWorker('plain.ts', options);
  await worker.message('ready');
  return worker;
}

/** Resolves when the application has written the line so many times: that many requests are in their handlers. */
async function wrote(worker: SpawnedWorker, line: string, times = 1): Promise<void> {
  const { stderr } = worker.child;
  assert.ok(stderr);
  const signal = AbortSignal.timeout(10_000);
  while (worker.stderr().split(line).length <= times) await once(stderr, 'data', { signal });
}

async function terminated(worker: SpawnedWorker): Promise<void> {
  worker.kill('SIGTERM');
  await worker.message('draining');
}

test('R2: a connection accepted with no bytes is served 200 ms after SIGTERM, 10 of 10', async () => {
  const worker = await readyWorker();
  const clients = await Promise.all(Array.from({ length: 10 }, () => RawClient.connect(worker.port)));
  // The eleventh connection is answered, so the ten before it have been accepted.
  await fetchText(worker.port, '/hello');
  await terminated(worker);
  await delay(200);
  for (const client of clients) client.get('/hello');
  for (const client of clients) {
    await client.ended;
    assert.match(client.text, /^HTTP\/1.1 200 OK\r\n/);
    assert.match(client.text, /\r\nConnection: close\r\n/);
    assert.match(client.text, /hello$/);
  }
  assert.equal(await worker.exited, 0);
});

test('R7: a request of 5 s is answered whole after SIGTERM, and the worker exits 0 within 5.5 s', async () => {
  const worker = await readyWorker({ graceMs: 10_000 });
  const client = await RawClient.connect(worker.port);
  client.get('/slow?ms=5000');
  await wrote(worker, 'slow began');
  const start = performance.now();
  await terminated(worker);
  assert.equal(await worker.exited, 0);
  const ms = performance.now() - start;
  assert.match(client.text, /\r\nConnection: close\r\n/);
  assert.match(client.text, /slow but whole$/);
  assert.equal(await client.ended, 'end');
  assert.ok(ms < 5500, `took ${ms} ms`);
  assert.match(worker.stderr(), /shutdown ran/);
});

test('R8: a request that never ends is aborted and named at the deadline, others finish, hooks run', async () => {
  const worker = await readyWorker({ graceMs: 1500 });
  const [never, slow] = await Promise.all([RawClient.connect(worker.port), RawClient.connect(worker.port)]);
  never.get('/never?token=secret');
  slow.get('/slow?ms=800');
  await Promise.all([wrote(worker, 'never began'), wrote(worker, 'slow began')]);
  const start = performance.now();
  await terminated(worker);
  assert.equal(await worker.exited, 5);
  const ms = performance.now() - start;
  assert.match(slow.text, /slow but whole$/);
  assert.equal(never.text, '');
  assert.ok(ms >= 1400 && ms < 2500, `took ${ms} ms`);
  assert.deepEqual((await worker.message('drained')).aborted, ['GET /never']);
  const line = worker
    .stderr()
    .split('\n')
    .find((text) => text.includes('outlived'));
  assert.deepEqual(JSON.parse(line ?? '').aborted, ['GET /never']);
  assert.match(worker.stderr(), /never saw its signal/);
  assert.match(worker.stderr(), /shutdown ran/);
  assert.doesNotMatch(worker.stderr(), /secret/);
});

test('R10: half a request header is closed at its own budget and does not hold the stop', async () => {
  const worker = await readyWorker({ graceMs: 20_000, lingerMs: 300, headerMs: 1000 });
  const client = await RawClient.connect(worker.port);
  client.write('GET /hello HTTP/1.1\r\nHost: te');
  await fetchText(worker.port, '/hello');
  const start = performance.now();
  await terminated(worker);
  assert.equal(await worker.exited, 0);
  const ms = performance.now() - start;
  assert.ok(ms >= 950 && ms < 3000, `took ${ms} ms`);
  assert.equal(client.text, '');
});

test('half a request header that is completed within its budget is answered', async () => {
  const worker = await readyWorker({ lingerMs: 100, headerMs: 5000 });
  const client = await RawClient.connect(worker.port);
  client.write('GET /hello HTTP/1.1\r\nHost: te');
  await fetchText(worker.port, '/hello');
  await terminated(worker);
  await delay(600);
  client.write('st\r\n\r\n');
  assert.equal(await client.ended, 'end');
  assert.match(client.text, /Connection: close\r\n[\s\S]*hello$/);
  assert.equal(await worker.exited, 0);
});

test('R11: a slow reader gets every one of 20 MB, then FIN', async () => {
  const worker = await readyWorker({ lingerMs: 100 });
  const client = await RawClient.connect(worker.port);
  client.socket.pause();
  client.get('/big');
  await wrote(worker, 'big began');
  await terminated(worker);
  for (let turn = 0; turn < 20; turn += 1) {
    await delay(50);
    client.socket.resume();
    await once(client.socket, 'data');
    client.socket.pause();
  }
  client.socket.resume();
  assert.equal(await client.ended, 'end');
  const header = client.text.indexOf('\r\n\r\n') + 4;
  assert.equal(client.bytes - header, 20 * 1024 * 1024);
  assert.equal(await worker.exited, 0);
});

test('pipelined requests are all answered in order while draining, and only the last closes', async () => {
  const worker = await readyWorker();
  const [before, during] = await Promise.all([
    RawClient.connect(worker.port),
    RawClient.connect(worker.port),
  ]);
  const three = ['/slow?ms=300', '/slow?ms=200', '/slow?ms=400'].map(
    (path) => `GET ${path} HTTP/1.1\r\nHost: test\r\n\r\n`,
  );
  before.write(three.join(''));
  await wrote(worker, 'slow began');
  await terminated(worker);
  const hello = 'GET /hello HTTP/1.1\r\nHost: test\r\n\r\n';
  during.write(hello + three[0] + hello);
  for (const client of [before, during]) {
    assert.equal(await client.ended, 'end');
    assert.equal(client.text.match(/HTTP\/1.1 200 OK/g)?.length, 3);
    assert.equal(client.text.match(/Connection: close/g)?.length, 1);
  }
  assert.ok(before.text.endsWith('slow but whole'));
  assert.ok(during.text.endsWith('hello'));
  assert.equal(await worker.exited, 0);
});

test('a request behind an answer that closes the connection is never run', async () => {
  const worker = await readyWorker();
  const client = await RawClient.connect(worker.port);
  client.get('/stream?n=1');
  await wrote(worker, 'stream began');
  client.socket.pause();
  await terminated(worker);
  client.socket.resume();
  await client.received(/Connection: close/);
  client.get('/slow?ms=10');
  await client.ended;
  assert.equal(await worker.exited, 0);
  assert.doesNotMatch(worker.stderr(), /slow began/);
});

test('an upload that began before SIGTERM and goes on for a second is received whole', async () => {
  const worker = await readyWorker();
  const client = await RawClient.connect(worker.port);
  const chunk = Buffer.alloc(50_000, 'u');
  client.write(`POST /upload HTTP/1.1\r\nHost: test\r\nContent-Length: ${chunk.length * 10}\r\n\r\n`);
  await wrote(worker, 'upload began');
  await terminated(worker);
  const hash = createHash('sha256');
  for (let turn = 0; turn < 10; turn += 1) {
    await delay(100);
    client.write(chunk);
    hash.update(chunk);
  }
  await client.received(/\r\n\r\n./);
  assert.equal(await client.ended, 'end');
  assert.match(client.text, /Connection: close/);
  assert.ok(client.text.endsWith(`500000 ${hash.digest('hex')}`));
  assert.equal(await worker.exited, 0);
});

test('Expect: 100-continue is honoured while draining', async () => {
  const worker = await readyWorker();
  const client = await RawClient.connect(worker.port);
  await fetchText(worker.port, '/hello');
  await terminated(worker);
  client.write('POST /upload HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n');
  await client.received(/^HTTP\/1.1 100 Continue\r\n\r\n/);
  client.write('12345');
  assert.equal(await client.ended, 'end');
  assert.match(client.text, /HTTP\/1.1 200 OK\r\n[\s\S]*Connection: close\r\n[\s\S]*\r\n\r\n5 /);
  assert.equal(await worker.exited, 0);
});

test('an early 401 during an upload reaches all of 40 clients', async () => {
  const worker = await readyWorker({ lingerMs: 500 });
  const clients = await Promise.all(Array.from({ length: 40 }, () => RawClient.connect(worker.port)));
  for (const client of clients) {
    client.write('POST /early HTTP/1.1\r\nHost: test\r\nContent-Length: 4000000\r\n\r\n');
    client.write(Buffer.alloc(100_000));
  }
  // All of them: what waits in the accept queue is for a sibling, and here is none.
  await wrote(worker, 'early began', clients.length);
  await terminated(worker);
  for (const client of clients) client.write(Buffer.alloc(3_900_000));
  for (const client of clients) {
    await client.ended;
    assert.match(client.text, /^HTTP\/1.1 401 Unauthorized[\s\S]*who are you/);
  }
  assert.equal(await worker.exited, 0);
});

test('R13: an event stream sees the drain signal at once and ends cleanly', async () => {
  const worker = await readyWorker();
  const client = await RawClient.connect(worker.port);
  client.get('/sse');
  await client.received(/first/);
  const start = performance.now();
  await terminated(worker);
  await client.received(/goodbye\n\n\r\n0\r\n\r\n$/);
  assert.ok(performance.now() - start < 1000);
  client.close();
  assert.equal(await worker.exited, 0);
});

test('a stream that was begun before SIGTERM ends whole', async () => {
  const worker = await readyWorker();
  const client = await RawClient.connect(worker.port);
  client.get('/stream?n=8');
  await wrote(worker, 'stream began');
  await terminated(worker);
  await client.received(/chunk 1\n[\s\S]*last\n\r\n0\r\n\r\n$/);
  assert.equal(await worker.exited, 0);
});

test('an idle connection is left for the linger time, then closed', async () => {
  const worker = await readyWorker({ lingerMs: 1000 });
  const client = await RawClient.connect(worker.port);
  client.get('/hello');
  await client.received(/hello$/);
  const start = performance.now();
  await terminated(worker);
  await client.ended;
  const ms = performance.now() - start;
  assert.ok(ms >= 950 && ms < 2500, `closed after ${ms} ms`);
  assert.equal(await worker.exited, 0);
});

test('a connection that turns idle late in the drain gets its own linger time', async () => {
  const worker = await readyWorker({ lingerMs: 700 });
  const client = await RawClient.connect(worker.port);
  client.get('/stream?n=10');
  await client.received(/chunk 10/);
  await terminated(worker);
  await client.received(/last\n\r\n0\r\n\r\n$/);
  await delay(300);
  client.get('/hello');
  assert.equal(await client.ended, 'end');
  assert.match(client.text, /Connection: close\r\n[\s\S]*hello$/);
  assert.equal(await worker.exited, 0);
});

test('the worker exits as soon as no connection is left, long before the linger time', async () => {
  const worker = await readyWorker({ lingerMs: 10_000 });
  const client = await RawClient.connect(worker.port);
  client.get('/hello');
  await client.received(/hello$/);
  await terminated(worker);
  client.close();
  const start = performance.now();
  assert.equal(await worker.exited, 0);
  assert.ok(performance.now() - start < 2000);
});

test('a linger message shortens the linger time while it runs', async () => {
  const worker = await readyWorker({ lingerMs: 20_000, graceMs: 30_000 });
  const client = await RawClient.connect(worker.port);
  client.get('/hello');
  await client.received(/hello$/);
  await terminated(worker);
  const start = performance.now();
  worker.tell({ type: 'linger', lingerMs: 0 });
  assert.equal(await worker.exited, 0);
  assert.ok(performance.now() - start < 2000);
  await client.ended;
});

test('R18: SIGTERM twice is still graceful', async () => {
  const worker = await readyWorker();
  const client = await RawClient.connect(worker.port);
  client.get('/slow?ms=700');
  await wrote(worker, 'slow began');
  await terminated(worker);
  worker.kill('SIGTERM');
  assert.equal(await worker.exited, 0);
  assert.match(client.text, /slow but whole$/);
});

for (const signal of ['SIGINT', 'SIGQUIT'] as const) {
  test(`R18: ${signal} cuts a drain short to two seconds and names what it aborted`, async () => {
    const worker = await readyWorker({ graceMs: 30_000 });
    const client = await RawClient.connect(worker.port);
    client.get('/never');
    await wrote(worker, 'never began');
    await terminated(worker);
    const start = performance.now();
    worker.kill(signal);
    assert.equal(await worker.exited, 5);
    const ms = performance.now() - start;
    // The last third of a second and a half belongs to the shutdown hooks.
    assert.ok(ms >= 950 && ms < 2000, `took ${ms} ms`);
    assert.deepEqual((await worker.message('drained')).aborted, ['GET /never']);
    client.close();
  });
}

test('SIGHUP and SIGUSR2, which reach a whole process group, leave a worker serving', async () => {
  const worker = await readyWorker();
  worker.kill('SIGHUP');
  worker.kill('SIGUSR2');
  assert.match(await fetchText(worker.port, '/hello'), /hello$/);
  await terminated(worker);
  assert.equal(await worker.exited, 0);
});

test('R19: a worker whose master is gone drains and exits', async () => {
  const worker = await readyWorker();
  const client = await RawClient.connect(worker.port);
  client.get('/slow?ms=500');
  await wrote(worker, 'slow began');
  worker.child.disconnect();
  assert.equal(await worker.exited, 0);
  assert.match(client.text, /slow but whole$/);
});

test('beats carry the counts, and a last one comes before the exit', async () => {
  const worker = await readyWorker();
  const idle = await RawClient.connect(worker.port);
  const busy = await RawClient.connect(worker.port);
  busy.get('/slow?ms=1800');
  await wrote(worker, 'slow began');
  const { counts } = await worker.message('beat');
  assert.equal(counts.open, 2);
  assert.equal(counts.idle, 1);
  assert.equal(counts.inFlight, 1);
  assert.ok(counts.rssBytes > 10_000_000);
  await terminated(worker);
  idle.close();
  assert.equal(await worker.exited, 0);
  const last = worker.messages.at(-1);
  assert.equal(last?.type, 'beat');
  assert.ok(last.counts.answered >= 1);
});

test('a blocked event loop shows in the next beat', async () => {
  const worker = await readyWorker();
  await fetchText(worker.port, '/block?ms=400');
  const beats = () => worker.messages.filter((message) => message.type === 'beat');
  while (beats().length === 0) await once(worker.child, 'message', { signal: AbortSignal.timeout(10_000) });
  const lags = beats().map((beat) => beat.counts.loopLagMs);
  assert.ok(Math.max(...lags) >= 300, `lags ${lags}`);
  await terminated(worker);
});
