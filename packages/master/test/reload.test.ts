import assert from 'node:assert/strict';
import { it } from 'node:test';
import {
  application,
  applicationThatNeverStarts,
  applicationThatThrows,
  MasterProcess,
} from './support/master-process.ts';
import { ask, assertLedger, Load } from './support/requests.ts';

it('R1: fifty rolling reloads of one worker under load with 16 KB POSTs lose no request', async (test) => {
  const master = new MasterProcess(test, { workers: 1 });
  const load = new Load(await master.ready(), { keepAlive: 4, thoughtful: 8, fresh: 4, bodyBytes: 16_384 });
  for (let n = 0; n < 50; n++) assert.equal((await master.control('POST', '/reload')).status, 200);
  await load.stop();
  test.diagnostic(
    `${load.sent} requests, 50 reloads, ${load.losses.length} lost, ${load.pids.size} workers answered`,
  );
  assert.deepEqual(load.losses, []);
  assertLedger(master.directory, load.sent);
  assert.ok(load.sent >= 5000, `only ${load.sent} requests`);
  assert.ok(load.pids.size > 40, `only ${load.pids.size} workers answered`);
});

it('R1: ten and more rolling reloads of two workers lose no request and run one extra process at most', async (test) => {
  const master = new MasterProcess(test);
  const load = new Load(await master.ready(), { keepAlive: 4, thoughtful: 8, fresh: 4 });
  let reloads = 0;
  const most: number[] = [];
  while (reloads < 10 || (load.sent < 6000 && load.losses.length === 0)) {
    const answer = await master.control('POST', '/reload');
    assert.equal(answer.status, 200, JSON.stringify(answer.body));
    reloads += 1;
    most.push((await master.status()).workers.length);
  }
  await load.stop();
  test.diagnostic(`${load.sent} requests, ${reloads} reloads, ${load.losses.length} lost`);
  assert.deepEqual(load.losses, []);
  assertLedger(master.directory, load.sent);
  assert.ok(load.sent >= 5000, `only ${load.sent} requests`);
  assert.ok(Math.max(...most) <= 3, 'more than one extra process');
  const { generation, workers } = await master.status();
  assert.equal(generation, reloads + 1);
  assert.ok(
    workers.filter((worker) => worker.state === 'ready').every((worker) => worker.generation === generation),
  );
});

it('R4: new code that throws at boot leaves the old workers serving and fails the reload with its own reason', async (test) => {
  const master = new MasterProcess(test);
  const port = await master.ready();
  const before = (await master.status()).workers.map((worker) => worker.pid);
  const load = new Load(port, { keepAlive: 2, fresh: 1 });
  master.deploy(applicationThatThrows);
  const answer = await master.control('POST', '/reload');
  await load.stop();
  assert.equal(answer.status, 502);
  assert.equal(answer.body.error?.code, 'reloadFailed');
  assert.match(answer.body.error?.message ?? '', /the new code is broken/);
  const after = await master.status();
  assert.deepEqual(
    after.workers.map((worker) => worker.pid),
    before,
  );
  assert.deepEqual([after.state, after.generation], ['ready', 1]);
  assert.deepEqual(load.losses, []);
});

it('R5: new code that never becomes ready is killed at the ready timeout; the old serves on', async (test) => {
  const master = new MasterProcess(test, { readyTimeoutMs: 1500 });
  const port = await master.ready();
  const before = (await master.status()).workers.map((worker) => worker.pid);
  master.deploy(applicationThatNeverStarts);
  const startedAt = performance.now();
  const answer = await master.control('POST', '/reload');
  const tookMs = performance.now() - startedAt;
  assert.equal(answer.body.error?.code, 'reloadFailed');
  assert.match(answer.body.error?.message ?? '', /not ready within 1500 ms/);
  assert.ok(tookMs >= 1450 && tookMs < 3000, `took ${tookMs} ms`);
  await master.waitLog((line) => line.msg === 'worker changed' && line.worker === 3 && line.to === 'gone');
  assert.deepEqual(
    (await master.status()).workers.map((worker) => worker.pid),
    before,
  );
  assert.equal((await ask(port, '/')).status, 200);
});

it('keeps the old generation where a new worker dies before it has been ready for the minimum time', async (test) => {
  const master = new MasterProcess(test, { minReadyMs: 10_000 });
  await master.ready();
  const before = (await master.status()).workers.map((worker) => worker.pid);
  master.deploy(`${application}\nexport const startup = () => void setTimeout(() => process.exit(7), 300);`);
  const answer = await master.control('POST', '/reload');
  assert.equal(answer.body.error?.code, 'reloadFailed');
  assert.match(
    answer.body.error?.message ?? '',
    /exited with code 7 when it was ready, before --min-ready was over/,
  );
  const { workers, generation } = await master.status();
  assert.deepEqual([generation, workers.map((worker) => worker.pid)], [1, before]);
  assert.ok(master.log.some((line) => line.worker === 3 && line.to === 'ready'));
});

it('lets a new worker serve beside the old one for the minimum time; nothing is lost', async (test) => {
  const minReadyMs = 400;
  const master = new MasterProcess(test, { minReadyMs });
  const load = new Load(await master.ready(), { keepAlive: 4, thoughtful: 4, fresh: 4 });
  assert.equal((await master.control('POST', '/reload')).status, 200);
  await load.stop();
  const at = (worker: number, to: string): number =>
    master.log.find((line) => line.worker === worker && line.to === to)?.time ?? Number.NaN;
  const besides = [at(1, 'draining') - at(3, 'ready'), at(2, 'draining') - at(4, 'ready')];
  test.diagnostic(`${load.sent} requests, ${load.losses.length} lost, side by side for ${besides} ms`);
  // log times and timers are whole milliseconds
  assert.ok(
    besides.every((ms) => ms >= minReadyMs - 2),
    `${besides} ms`,
  );
  assert.deepEqual(load.losses, []);
  assertLedger(master.directory, load.sent);
});

it('R17: HUP reloads; more of them during a reload become one more', async (test) => {
  const master = new MasterProcess(test);
  await master.ready();
  master.signal('SIGHUP');
  await master.waitLog((line) => line.msg === 'pool changed' && line.to === 'reloading');
  for (let n = 0; n < 5; n++) master.signal('SIGHUP');
  const last = await master.control('POST', '/reload');
  assert.deepEqual([last.status, last.body.generation], [200, 3]);
});

it('R17: TERM during a reload that cannot end starts the stop within 100 ms', async (test) => {
  const master = new MasterProcess(test);
  await master.ready();
  master.deploy(applicationThatNeverStarts);
  const reload = master.control('POST', '/reload');
  await master.waitLog((line) => line.msg === 'worker spawned' && line.worker === 3);
  const sentAt = Date.now();
  master.signal('SIGTERM');
  const line = await master.waitLog((line) => line.event === 'stopRequested' && line.to === 'draining');
  test.diagnostic(`stop began after ${line.time - sentAt} ms`);
  assert.ok(line.time - sentAt <= 100, `after ${line.time - sentAt} ms`);
  assert.equal((await reload).body.error?.code, 'reloadFailed');
  assert.deepEqual(await master.ended, { code: 0, signal: null });
});
