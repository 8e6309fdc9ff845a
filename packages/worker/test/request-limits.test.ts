import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { RawClient } from './support/raw-client.ts';
import { reapWorkers, type SpawnedWorker, spawnWorker } from './support/spawn-worker.ts';

after(reapWorkers);

async function started(options: Parameters<typeof spawnWorker>[1]): Promise<SpawnedWorker> {
  const worker = spawnWorker('plain.ts', options);
  await worker.message('ready');
  return worker;
}

async function stopped(worker: SpawnedWorker): Promise<void> {
  worker.kill('SIGTERM');
  assert.equal(await worker.exited, 0);
}

test('a request that outlives its deadline is answered 503, sees its signal, and others are not touched', async () => {
  const worker = await started({ requestTimeoutMs: 500, lingerMs: 100 });
  const [never, slow] = await Promise.all([RawClient.connect(worker.port), RawClient.connect(worker.port)]);
  slow.get('/slow?ms=200');
  never.get('/never');
  const start = performance.now();
  await never.received(/^HTTP\/1.1 503 [\s\S]*too long\n/);
  const ms = performance.now() - start;
  assert.ok(ms >= 450 && ms < 3000, `took ${ms} ms`);
  await slow.received(/slow but whole$/);
  assert.match(worker.stderr(), /never saw its signal/);
  // Again on the same connection: each request has its own.
  slow.get('/slow?ms=200');
  await slow.received(/slow but whole[\s\S]*slow but whole$/);
  slow.get('/sse');
  await slow.received(/first/);
  never.get('/hello');
  await never.received(/hello$/);
  await stopped(worker);
});

test('a body that is announced too long is answered 413 without running the handler, and the answer arrives', async () => {
  const worker = await started({ limitRequestBody: 1000, lingerMs: 100 });
  const clients = await Promise.all(Array.from({ length: 20 }, () => RawClient.connect(worker.port)));
  for (const client of clients) {
    client.write('POST /upload HTTP/1.1\r\nHost: test\r\nContent-Length: 2000000\r\n\r\n');
    client.write(Buffer.alloc(2_000_000));
    await client.received(/^HTTP\/1.1 413 /);
    client.get('/hello');
    await client.received(/hello$/);
  }
  assert.doesNotMatch(worker.stderr(), /upload began/);
  const [client] = clients;
  client?.write(`POST /upload HTTP/1.1\r\nHost: test\r\nContent-Length: 1000\r\n\r\n${'x'.repeat(1000)}`);
  await client?.received(/200 OK[\s\S]*1000 [0-9a-f]{64}$/);
  await stopped(worker);
});

test('a body that turns out too long is answered 413, and Expect: 100-continue is not answered with 100', async () => {
  const worker = await started({ limitRequestBody: 1000, lingerMs: 100 });
  const [chunked, polite] = await Promise.all([
    RawClient.connect(worker.port),
    RawClient.connect(worker.port),
  ]);
  chunked.write('POST /upload HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n');
  chunked.write(`1f4\r\n${'x'.repeat(500)}\r\n1f4\r\n${'x'.repeat(500)}\r\n1\r\nx\r\n0\r\n\r\n`);
  await chunked.received(/^HTTP\/1.1 413 /);
  polite.write('POST /upload HTTP/1.1\r\nHost: test\r\nContent-Length: 5000\r\nExpect: 100-continue\r\n\r\n');
  await polite.received(/^HTTP\/1.1 413 /);
  chunked.close();
  polite.close();
  await stopped(worker);
});

test('a header that is too long, or has too many fields, is answered 431', async () => {
  const worker = await started({
    limitRequestHeaderSize: 2000,
    limitRequestHeaderFields: 10,
    lingerMs: 100,
  });
  const [long, many, fine] = await Promise.all([
    RawClient.connect(worker.port),
    RawClient.connect(worker.port),
    RawClient.connect(worker.port),
  ]);
  long.write(`GET /hello HTTP/1.1\r\nHost: test\r\nX-Long: ${'x'.repeat(3000)}\r\n\r\n`);
  await long.received(/^HTTP\/1.1 431 /);
  many.write(`GET /hello HTTP/1.1\r\nHost: test\r\n${'X-Many: 1\r\n'.repeat(10)}\r\n`);
  await many.received(/^HTTP\/1.1 431 /);
  fine.write(`GET /hello HTTP/1.1\r\nHost: test\r\n${'X-Many: 1\r\n'.repeat(9)}\r\n`);
  await fine.received(/^HTTP\/1.1 200 /);
  await stopped(worker);
});
