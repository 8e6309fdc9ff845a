import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { it, type TestContext } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import type { WorkerStatus } from '@lameduck/core';
import {
  emptyTally,
  KeptClient,
  type KeptTally,
  ledgerApplication,
  percentile,
} from './support/kept-client.ts';
import { MasterProcess, until } from './support/master-process.ts';

const everyKind = { idle: 40, byteless: 10, sending: 50 };

interface Crowd {
  readonly tally: KeptTally;
  /** Ends the load, and uses each connection once more: all of them must still serve. */
  finish(): Promise<void>;
}

async function gather(test: TestContext, port: number, kinds: typeof everyKind): Promise<Crowd> {
  const tally = emptyTally();
  let isOver = false;
  const make = (kind: string, count: number): KeptClient[] =>
    Array.from({ length: count }, (_, n) => new KeptClient(port, `${kind}${n}`, tally));
  const idle = make('idle', kinds.idle);
  const byteless = make('byteless', kinds.byteless);
  const sending = make('sending', kinds.sending);
  const all = [...idle, ...byteless, ...sending];
  test.after(() => {
    for (const client of all) client.end();
  });
  await Promise.all(all.map((client) => client.connected()));
  await Promise.all(idle.map((client) => client.send()));
  const loops = sending.map((client) => client.keepSending(() => isOver, 60));
  return {
    tally,
    finish: async () => {
      isOver = true;
      await Promise.all(loops);
      await Promise.all(all.map((client) => client.send()));
      for (const client of all) client.end();
    },
  };
}

function assertNothingLost(
  master: MasterProcess,
  { sent, answered, closes, askedToClose, wrong }: KeptTally,
): void {
  const ledger = readFileSync(join(master.directory, 'ledger'), 'utf8').trim().split('\n');
  assert.deepEqual(closes, []);
  assert.deepEqual(wrong, []);
  assert.equal(askedToClose, 0);
  assert.equal(answered, sent);
  assert.equal(new Set(ledger).size, ledger.length, 'a request ran twice');
  assert.equal(ledger.length, sent);
}

it('R1: 22 rolling reloads close none of 100 keep-alive connections, idle, silent or sending, and lose nothing', async (test) => {
  const master = new MasterProcess(test, {}, ledgerApplication);
  const crowd = await gather(test, await master.ready(), everyKind);
  await wait(2000);
  const rest = crowd.tally.latenciesMs.splice(0);
  const startedAt = performance.now();
  for (let n = 0; n < 22; n++) assert.equal((await master.control('POST', '/reload')).status, 200);
  const reloadMs = (performance.now() - startedAt) / 22;
  const busy = crowd.tally.latenciesMs.splice(0);
  await crowd.finish();
  const moved = master.log.filter((line) => line.msg === 'connections handed over');
  const sum = moved.reduce((total, line) => total + Number(line.handedOver), 0);
  const slowest = Math.max(...moved.map((line) => Number(line.slowestMs)));
  test.diagnostic(
    `${crowd.tally.sent} requests, 22 reloads of ${Math.round(reloadMs)} ms, ${sum} connections handed over, slowest ${slowest} ms`,
  );
  for (const [what, values] of [
    ['at rest', rest],
    ['reloading', busy],
  ] as const)
    test.diagnostic(
      `${what}: p50 ${percentile(values, 0.5).toFixed(1)} ms, p99 ${percentile(values, 0.99).toFixed(1)} ms`,
    );
  assertNothingLost(master, crowd.tally);
  assert.ok(sum >= 22 * 50, `only ${sum} connections were handed over`);
  assert.ok(crowd.tally.sent > 2000, `only ${crowd.tally.sent} requests`);
});

it('scaling down hands the connections of the leaving workers over, and their counts with them', async (test) => {
  const master = new MasterProcess(test, { workers: 4 }, ledgerApplication);
  const crowd = await gather(test, await master.ready(), { idle: 30, byteless: 0, sending: 10 });
  await master.control('POST', '/scale', { workers: 1 });
  await until('one worker is left with all connections', async () => {
    const { workers } = await master.status();
    return workers.length === 1 && workers[0]?.open === 40;
  });
  await crowd.finish();
  assertNothingLost(master, crowd.tally);
});

it('R20: recycling after 400 requests closes no connection', async (test) => {
  const master = new MasterProcess(test, { maxRequests: 400, maxRequestsJitter: 50 }, ledgerApplication);
  const crowd = await gather(test, await master.ready(), { idle: 30, byteless: 5, sending: 20 });
  await until('four workers were recycled', () => master.workerPids.length >= 6);
  await crowd.finish();
  test.diagnostic(`${crowd.tally.sent} requests, ${master.workerPids.length} workers`);
  assertNothingLost(master, crowd.tally);
});

it('a worker that is terminated behind the back of its master hands over, too', async (test) => {
  const master = new MasterProcess(test, { lingerMs: 10_000, graceMs: 15_000 }, ledgerApplication);
  const crowd = await gather(test, await master.ready(), { idle: 30, byteless: 5, sending: 0 });
  const [pid = 0] = master.workerPids;
  process.kill(pid, 'SIGTERM');
  await master.waitLog((line) => line.pid === pid && line.msg === 'worker changed' && line.to === 'gone');
  await crowd.finish();
  assertNothingLost(master, crowd.tally);
});

it('connections in transit to a sibling that dies before it has read go to another one', async (test) => {
  const master = new MasterProcess(
    test,
    { workers: 3, lingerMs: 10_000, graceMs: 15_000 },
    ledgerApplication,
  );
  const crowd = await gather(test, await master.ready(), { idle: 30, byteless: 0, sending: 0 });
  const open = async (): Promise<readonly WorkerStatus[]> =>
    (await master.status()).workers.toSorted((a, b) => a.open - b.open);
  await until('all are counted', async () => (await open()).reduce((sum, one) => sum + one.open, 0) === 30);
  // The emptiest is asked first. It may hold connections of its own, which its death ends; those are told apart.
  const [dying, , leaving] = await open();
  const own = dying?.open ?? 0;
  process.kill(dying?.pid ?? 0, 'SIGSTOP');
  process.kill(leaving?.pid ?? 0, 'SIGTERM');
  await wait(500);
  process.kill(dying?.pid ?? 0, 'SIGKILL');
  await master.waitLog(
    (line) => line.pid === leaving?.pid && line.msg === 'worker changed' && line.to === 'gone',
  );
  await wait(200);
  const moved = master.log.find(
    (line) => line.msg === 'connections handed over' && line.worker === leaving?.id,
  );
  test.diagnostic(
    `${own} were its own, ${crowd.tally.closes.length} closed, ${moved?.handedOver} handed over`,
  );
  assert.equal(crowd.tally.closes.length, own);
  assert.equal(moved?.handedOver, leaving?.open);
});

it('a graceful stop hands nothing over: connections linger, as there is no sibling', async (test) => {
  const master = new MasterProcess(test, {}, ledgerApplication);
  const crowd = await gather(test, await master.ready(), { idle: 20, byteless: 0, sending: 0 });
  master.signal('SIGTERM');
  assert.deepEqual(await master.ended, { code: 0, signal: null });
  assert.equal(crowd.tally.closes.length, 20);
  assert.ok(
    !master.log.some((line) => line.msg === 'connections handed over' && Number(line.handedOver) > 0),
  );
});
