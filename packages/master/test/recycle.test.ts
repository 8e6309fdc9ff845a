import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { createWearCheck } from '../src/metrics/recycle-limits.ts';
import { ledgerApplication, percentile } from './support/kept-client.ts';
import { MasterProcess } from './support/master-process.ts';
import { PacedLoad } from './support/paced-load.ts';
import { Load } from './support/requests.ts';

const counts = { open: 0, idle: 0, inFlight: 0, answered: 0, rssBytes: 0, loopLagMs: 0 };

it('R20: recycling by max requests with jitter at 1,000 requests a second loses nothing, in turns, replacement ready first', async (test) => {
  const perSecond = 1000;
  const master = new MasterProcess(
    test,
    { workers: 3, maxRequests: 1000, maxRequestsJitter: 1000, maxRecycling: 1 },
    ledgerApplication,
  );
  const load = new PacedLoad(await master.ready(), perSecond * 1.05);
  const startedAt = performance.now();
  // On a machine that is never idle each replacement stays in the background for a second.
  const mostMs = 40_000;
  const recycled = (): number => master.log.filter((line) => line.msg === 'worker recycled').length;
  let most = 0;
  let least = Number.POSITIVE_INFINITY;
  while (performance.now() - startedAt < mostMs && (recycled() < 6 || load.tally.sent < 8000)) {
    const { workers } = await master.status();
    most = Math.max(most, workers.length);
    least = Math.min(least, workers.filter((worker) => worker.state === 'ready').length);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  await load.stop();
  const { sent, answered, wrong, latenciesMs } = load.tally;
  test.diagnostic(
    `${sent} requests (${Math.round(load.rate)}/s), ${recycled()} recycled, ${sent - answered} lost, ${least} to ${most} workers, ` +
      `${load.connections} connections, median ${percentile(latenciesMs, 0.5).toFixed(1)} ms, p99 ${percentile(latenciesMs, 0.99).toFixed(1)} ms`,
  );
  assert.deepEqual([answered, wrong], [sent, []]);
  const ledger = readFileSync(join(master.directory, 'ledger'), 'utf8').trim().split('\n');
  assert.deepEqual([ledger.length, new Set(ledger).size], [sent, sent], 'each request ran once');
  assert.ok(load.rate >= perSecond, `only ${load.rate} requests a second`);
  assert.ok(recycled() >= 6, `only ${recycled()} recycled`);
  assert.ok(most <= 4, `${most} processes: more than one was being recycled`);
  assert.ok(least >= 3, `only ${least} ready workers: one left before its replacement was ready`);
  assert.equal((await master.status()).crashes, 0);
});

it('R20: a worker above its memory limit is replaced, ready first, and answers what it has', async (test) => {
  const hungry = `
    const held = [];
    export default (request, response) => {
      if (request.url === '/eat') held.push(Buffer.alloc(150e6, 1));
      response.end(JSON.stringify({ pid: process.pid, path: request.url }));
    };`;
  const master = new MasterProcess(test, { workers: 1, maxMemoryBytes: 180e6 }, hungry);
  const port = await master.ready();
  const load = new Load(port, { keepAlive: 2, fresh: 1 });
  const [before] = (await master.status()).workers;
  await fetch(`http://127.0.0.1:${port}/eat`);
  const line = await master.waitLog((one) => one.msg === 'worker recycled');
  await master.waitLog((one) => one.worker === before?.id && one.to === 'gone');
  await load.stop();
  assert.deepEqual([line.reason, line.worker], ['maxMemory', before?.id]);
  assert.deepEqual(load.losses, []);
  const [after] = (await master.status()).workers;
  assert.notEqual(after?.pid, before?.pid);
});

it('each worker has a limit of its own within the jitter, and is told once', () => {
  const limits = { maxRequests: 100, maxRequestsJitter: 50 };
  for (const [chance, most] of [
    [0, 100],
    [0.5, 125],
    [1, 150],
  ] as const) {
    const check = createWearCheck(limits, () => chance);
    assert.equal(check({ ...counts, answered: most - 1 }), undefined);
    assert.equal(check({ ...counts, answered: most }), 'maxRequests');
    assert.equal(check({ ...counts, answered: most + 1 }), undefined);
  }
});

it('memory above its limit counts only three times in a row', () => {
  const check = createWearCheck({ maxMemoryBytes: 100 }, () => 0);
  const seen = [101, 101, 99, 101, 101, 101, 101].map((rssBytes) => check({ ...counts, rssBytes }));
  assert.deepEqual(seen.indexOf('maxMemory'), 5);
  assert.equal(seen.filter((reason) => reason !== undefined).length, 1);
});

it('without limits no worker is ever worn', () => {
  const check = createWearCheck({}, () => 1);
  assert.equal(check({ ...counts, answered: 1e12, rssBytes: 1e12 }), undefined);
});
