import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { after, test } from 'node:test';
import { fetchText, RawClient } from './support/raw-client.ts';
import { reapWorkers, spawnWorker } from './support/spawn-worker.ts';

after(reapWorkers);

test('R13: an event stream whose handler ignores the drain is ended at its deadline, whole', async () => {
  const worker = spawnWorker('streams.ts', { sessionMs: 700, graceMs: 20_000, lingerMs: 200 });
  await worker.message('ready');
  const client = await RawClient.connect(worker.port);
  client.get('/sse');
  await client.received(/first/);
  worker.kill('SIGTERM');
  await worker.message('draining');
  const start = performance.now();
  await client.received(/: the server is leaving\n\r\n0\r\n\r\n$/);
  const ms = performance.now() - start;
  assert.ok(ms >= 500 && ms < 3000, `ended after ${ms} ms`);
  assert.equal(await worker.exited, 0);
});

test('R13: another long answer has the whole grace period, and its cut can be seen', async () => {
  const worker = spawnWorker('streams.ts', { sessionMs: 200, graceMs: 1200 });
  await worker.message('ready');
  const client = await RawClient.connect(worker.port);
  client.get('/text');
  await client.received(/first/);
  worker.kill('SIGTERM');
  assert.equal(await worker.exited, 5);
  assert.doesNotMatch(client.text, /\r\n0\r\n\r\n$/);
  assert.deepEqual((await worker.message('drained')).aborted, ['GET /text']);
});

async function askHalfClosed(port: number): Promise<string> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  let text = '';
  socket.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
  });
  socket.end('GET /slow?ms=300 HTTP/1.1\r\nHost: test\r\n\r\n');
  await once(socket, 'end', { signal: AbortSignal.timeout(10_000) });
  socket.destroy();
  return text;
}

test('a client that half-closes after its request has gone, as everywhere in Node', async () => {
  const worker = spawnWorker('plain.ts');
  await worker.message('ready');
  assert.equal(await askHalfClosed(worker.port), '');
  worker.kill('SIGTERM');
  assert.equal(await worker.exited, 0);
});

test('with allowHalfOpen a client that half-closes gets its answer, also while draining', async () => {
  const worker = spawnWorker('plain.ts', { allowHalfOpen: true });
  await worker.message('ready');
  assert.match(await askHalfClosed(worker.port), /slow but whole$/);
  const asking = askHalfClosed(worker.port);
  while (worker.stderr().split('slow began').length <= 2)
    await once(worker.child.stderr ?? assert.fail(), 'data', { signal: AbortSignal.timeout(10_000) });
  worker.kill('SIGTERM');
  assert.match(await asking, /slow but whole$/);
  assert.equal(await worker.exited, 0);
});

test('R24: with a pre-stop delay readiness fails at once, liveness does not, and traffic is served until it ends', async () => {
  const worker = spawnWorker('plain.ts', { lameDuckMs: 1500, lingerMs: 200 });
  await worker.message('ready');
  assert.match(await fetchText(worker.port, '/readyz'), /^HTTP\/1.1 200/);
  worker.kill('SIGTERM');
  const start = performance.now();
  await worker.message('draining');
  assert.match(await fetchText(worker.port, '/readyz'), /^HTTP\/1.1 503/);
  while (performance.now() - start < 1000) {
    assert.match(await fetchText(worker.port, '/livez'), /^HTTP\/1.1 200/);
    assert.match(await fetchText(worker.port, '/hello'), /hello$/);
  }
  assert.equal(await worker.exited, 0);
  assert.ok(performance.now() - start >= 1450);
});

test('R24: a worker whose siblings go on leaves without the pre-stop delay', async () => {
  const worker = spawnWorker('plain.ts', { lameDuckMs: 8000, lingerMs: 200 });
  await worker.message('ready');
  const start = performance.now();
  worker.tell({ type: 'leave' });
  assert.equal(await worker.exited, 0);
  assert.ok(performance.now() - start < 5000);
});

test('R25: a pre-stop delay that leaves nothing of the grace period is refused', async () => {
  const worker = spawnWorker('plain.ts', { lameDuckMs: 3000, graceMs: 3000 });
  assert.match(
    (await worker.message('failed')).message,
    /^Cannot use option "lameDuckMs": less than the grace period of 3000 ms[\s\S]*current value is 3000$/,
  );
  assert.equal(await worker.exited, 3);
});
