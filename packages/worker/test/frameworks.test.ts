import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, test } from 'node:test';
import { fetchText, RawClient } from './support/raw-client.ts';
import { reapWorkers, spawnWorker } from './support/spawn-worker.ts';

after(reapWorkers);

for (const name of ['fastify', 'express', 'koa', 'hono']) {
  test(`R7: a worker with ${name} answers what is in flight, streams to the end, and exits 0`, async () => {
    const worker = spawnWorker(`${name}.ts`);
    await worker.message('ready');
    const slow = await RawClient.connect(worker.port);
    const stream = await RawClient.connect(worker.port);
    const silent = await RawClient.connect(worker.port);
    assert.match(await fetchText(worker.port, '/hello'), /hello$/);
    stream.get('/stream');
    await stream.received(/one /);
    slow.get('/slow?ms=700');
    while (!worker.stderr().includes('slow began')) {
      await once(worker.child.stderr ?? assert.fail(), 'data', { signal: AbortSignal.timeout(10_000) });
    }
    worker.kill('SIGTERM');
    await worker.message('draining');
    silent.get('/hello');
    assert.equal(await silent.ended, 'end');
    assert.match(silent.text, /connection: close\r\n[\s\S]*hello/i);
    assert.equal(await slow.ended, 'end');
    assert.match(slow.text, /connection: close\r\n[\s\S]*slow but whole/i);
    await stream.received(/one [\s\S]*two [\s\S]*three[\s\S]*\r\n0\r\n\r\n$/);
    stream.close();
    assert.equal(await worker.exited, 0);
  });
}

test('Fastify: hooks on close run only after the drain, and listeners on its server stay', async () => {
  const worker = spawnWorker('fastify.ts');
  await worker.message('ready');
  const client = await RawClient.connect(worker.port);
  client.write('GET /x HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
  await client.ended;
  assert.match(client.text, /^HTTP\/1.1 426/);
  worker.kill('SIGTERM');
  assert.equal(await worker.exited, 0);
  assert.match(worker.stderr(), /onClose ran/);
});

test('R12: of 100 WebSockets each one is closed with 1001 by the application on the drain signal', async () => {
  const worker = spawnWorker('websocket.ts');
  await worker.message('ready');
  const clients = await Promise.all(Array.from({ length: 100 }, () => RawClient.connect(worker.port)));
  for (const client of clients) {
    client.write('GET /ws HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
  }
  await Promise.all(clients.map((client) => client.received(/^HTTP\/1.1 101/)));
  assert.match(await fetchText(worker.port, '/'), /"sessions":100,"inFlight":1/);
  worker.kill('SIGTERM');
  for (const client of clients) {
    await client.ended;
    assert.ok(client.text.endsWith('\x88\x02\x03\xe9'));
    client.close();
  }
  assert.equal(await worker.exited, 0);
});

test('a WebSocket that the application does not close is cut and named at the deadline', async () => {
  const worker = spawnWorker('websocket.ts', { graceMs: 600, lingerMs: 0 });
  await worker.message('ready');
  const client = await RawClient.connect(worker.port);
  client.write('GET /stubborn HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
  await client.received(/^HTTP\/1.1 101/);
  worker.kill('SIGTERM');
  assert.deepEqual((await worker.message('drained')).aborted, ['GET /stubborn']);
  assert.equal(await worker.exited, 5);
});
