import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, test } from 'node:test';
import { fetchText, RawClient } from './support/raw-client.ts';
import { reapWorkers, type SpawnedWorker, spawnWorker } from './support/spawn-worker.ts';

after(reapWorkers);

async function wrote(worker: SpawnedWorker, line: RegExp): Promise<RegExpMatchArray> {
  const signal = AbortSignal.timeout(10_000);
  for (;;) {
    const found = line.exec(worker.stderr());
    if (found !== null) return found;
    await once(worker.child.stderr ?? assert.fail(), 'data', { signal });
  }
}

/** SIGTERM while a request is being answered and another connection is silent: both are served, and it exits 0. */
async function leavesWhole(worker: SpawnedWorker): Promise<void> {
  const [slow, silent] = await Promise.all([RawClient.connect(worker.port), RawClient.connect(worker.port)]);
  slow.get('/slow');
  await wrote(worker, /slow began/);
  worker.kill('SIGTERM');
  await worker.message('draining');
  silent.get('/hello');
  assert.equal(await slow.ended, 'end');
  assert.match(slow.text, /^HTTP\/1.1 200 [\s\S]*connection: close\r\n[\s\S]*slow but whole/i);
  assert.equal(await silent.ended, 'end');
  assert.match(silent.text, /^HTTP\/1.1 200 /);
  assert.equal(await worker.exited, 0);
}

test('a program that listens by itself serves on the inherited socket, and its own handler runs after the drain', async () => {
  const worker = spawnWorker('programs/http.cjs');
  await worker.message('ready');
  assert.match(
    await fetchText(worker.port, '/hello'),
    new RegExp(`"address":"127.0.0.1","family":"IPv4","port":${worker.port}`),
  );
  const [, metrics] = await wrote(worker, /metrics (\d+)/);
  assert.match(await fetchText(Number(metrics), '/'), /metrics$/);
  assert.match(await fetchText(worker.port, '/readyz'), /^HTTP\/1.1 200/);
  await leavesWhole(worker);
  assert.match(worker.stderr(), /listening\n[\s\S]*slow began\n[\s\S]*own handler\nclosed undefined\n$/);
});

for (const name of ['brutal.cjs', 'express.mjs', 'koa.cjs', 'fastify.mjs', 'ready.cjs', 'beside.mjs']) {
  test(`R7: an unchanged program (${name}) answers what is in flight on SIGTERM, and exits 0`, async () => {
    const worker = spawnWorker(`programs/${name}`);
    await worker.message('ready');
    await leavesWhole(worker);
  });
}

test('a program that serves with serve() is counted and drained once, and its own shutdown hook runs', async () => {
  const worker = spawnWorker('programs/serving.mjs');
  await worker.message('ready');
  const counted = await fetchText(worker.port, '/counts');
  assert.match(counted, /"inFlight":1,"answered":0/);
  await fetchText(worker.port, '/hello');
  assert.match(await fetchText(worker.port, '/counts'), /"inFlight":1,"answered":2/);
  const slow = fetchText(worker.port, '/slow');
  await fetchText(worker.port, '/counts');
  worker.kill('SIGTERM');
  assert.match(await slow, /served$/);
  assert.equal(await worker.exited, 0);
  assert.match(worker.stderr(), /^own hook ran$/m);
});

test('what it serves with keeps its own limits, and its own probe tells of the drain', async () => {
  const worker = spawnWorker('programs/serving.mjs');
  await worker.message('ready');
  assert.match(await fetchText(worker.port, '/own-readyz'), /^HTTP\/1.1 200 /);
  const [silent, upload] = await Promise.all([
    RawClient.connect(worker.port),
    RawClient.connect(worker.port),
  ]);
  upload.write('POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 11\r\n\r\n01234567890');
  assert.match(await upload.received(/Too Large/), /^HTTP\/1.1 413 /);
  upload.close();
  worker.kill('SIGTERM');
  await worker.message('draining');
  silent.get('/own-readyz');
  await silent.ended;
  assert.match(silent.text, /^HTTP\/1.1 503 /);
  assert.equal(await worker.exited, 0);
});

test('two workers run one program that names one port', async () => {
  const first = spawnWorker('programs/fastify.mjs');
  await first.message('ready');
  const second = spawnWorker('programs/fastify.mjs');
  await second.message('ready');
  for (const worker of [first, second]) {
    assert.match(await fetchText(worker.port, '/hello'), /hello$/);
    worker.kill('SIGTERM');
    assert.equal(await worker.exited, 0);
    assert.match(worker.stderr(), /closed\n$/);
  }
});

test('with waitReady a program is ready when it says so, and the master does not see the word', async () => {
  const worker = spawnWorker('programs/ready.cjs', { waitReady: true });
  await worker.message('ready');
  assert.match(worker.stderr(), /told/);
  assert.ok(!(worker.messages as readonly unknown[]).includes('ready'));
  worker.kill('SIGTERM');
  assert.equal(await worker.exited, 0);
});

test('without waitReady it is ready when it listens', async () => {
  const worker = spawnWorker('programs/ready.cjs');
  await worker.message('ready');
  assert.doesNotMatch(worker.stderr(), /told/);
  worker.kill('SIGTERM');
  assert.equal(await worker.exited, 0);
});

for (const [name, pattern, options] of [
  [
    'ends.mjs',
    /a call of listen\(\), or an application exported .* was wanted: current value is no exports$/,
    {},
  ],
  [
    'both.mjs',
    /either an exported application or a call of listen\(\) was wanted: current value is both$/,
    {},
  ],
  [
    'http.cjs',
    /an exported application was wanted with certfile or http2: current value is a/,
    { http2: true },
  ],
] as const) {
  test(`R4: a program that cannot be served (${name}) is told in one line, and the worker exits 3`, async () => {
    const worker = spawnWorker(`programs/${name}`, options);
    assert.match((await worker.message('failed')).message, pattern);
    assert.equal(await worker.exited, 3);
  });
}
