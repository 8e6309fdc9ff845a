import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, test } from 'node:test';
import { fetchText, RawClient } from './support/raw-client.ts';
import { reapWorkers, spawnWorker } from './support/spawn-worker.ts';

after(reapWorkers);

test('readiness is 200 while serving and 503 while draining, liveness 200 in both', async () => {
  const worker = spawnWorker('plain.ts');
  await worker.message('ready');
  assert.match(await fetchText(worker.port, '/readyz'), /^HTTP\/1.1 200 [\s\S]*"ready"/);
  assert.match(await fetchText(worker.port, '/livez?verbose=1'), /^HTTP\/1.1 200 [\s\S]*"live"/);
  const [ready, live, busy] = await Promise.all([1, 2, 3].map(() => RawClient.connect(worker.port)));
  busy?.get('/slow?ms=500');
  while (!worker.stderr().includes('slow began')) {
    await once(worker.child.stderr ?? assert.fail(), 'data', { signal: AbortSignal.timeout(10_000) });
  }
  worker.kill('SIGTERM');
  await worker.message('draining');
  ready?.get('/readyz');
  live?.get('/livez');
  assert.equal(await ready?.ended, 'end');
  assert.match(ready?.text ?? '', /^HTTP\/1.1 503 [\s\S]*Connection: close[\s\S]*"draining"/);
  assert.equal(await live?.ended, 'end');
  assert.match(live?.text ?? '', /^HTTP\/1.1 200 [\s\S]*"live"/);
  assert.equal(await worker.exited, 0);
  assert.match(busy?.text ?? '', /slow but whole$/);
});

test('a path that only begins like a probe, and another method, belong to the application', async () => {
  const worker = spawnWorker('plain.ts', { readinessPath: '/ready', livenessPath: '' });
  await worker.message('ready');
  assert.match(await fetchText(worker.port, '/ready'), /^HTTP\/1.1 200 /);
  assert.match(await fetchText(worker.port, '/readyz'), /^HTTP\/1.1 404 /);
  assert.match(await fetchText(worker.port, '/livez'), /^HTTP\/1.1 404 /);
  assert.match(await fetchText(worker.port, '/'), /^HTTP\/1.1 404 /);
  const client = await RawClient.connect(worker.port);
  client.write('POST /ready HTTP/1.1\r\nHost: test\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
  await client.ended;
  assert.match(client.text, /^HTTP\/1.1 404 /);
  worker.kill('SIGTERM');
  assert.equal(await worker.exited, 0);
});
