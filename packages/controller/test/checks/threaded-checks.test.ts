import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { performance } from 'node:perf_hooks';
import { after, before, it } from 'node:test';
import { parseConfig } from '@lameduck/core';
import { pino } from 'pino';
import { createHealthChecks } from '../../src/checks/create-checks.ts';
import { createThreadedChecks } from '../../src/checks/threaded-checks.ts';
import type { CheckTarget, HealthChecks, HealthNews } from '../../src/ports/health-checks.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { until } from '../support/rig.ts';

let status = 200;
const server = createServer((_, response) => response.writeHead(status).end());
const opened: HealthChecks[] = [];
before(async () => {
  await once(server.listen(0, '127.0.0.1'), 'listening');
});
after(async () => {
  for (const checks of opened) await checks.close();
  server.closeAllConnections();
  server.close();
});

function targets(count: number): readonly CheckTarget[] {
  const parsed = parseConfig({
    service: 'shop',
    edges: [{ name: 'e', listen: '127.0.0.1:1' }],
    nodes: Array.from({ length: count }, (_, index) => ({
      name: `n${index}`,
      address: `127.0.0.${index + 1}:${(server.address() as AddressInfo).port}`,
      process: { start: 'x' },
    })),
    health: { interval: '50ms', rise: 2, fall: 2 },
  });
  assert.ok(parsed.ok);
  return parsed.config.nodes;
}

it('checks in a thread, tells verdicts in the time of the caller, and obeys', async () => {
  const checks = createThreadedChecks({ onCrash: (reason) => assert.fail(reason) });
  opened.push(checks);
  const news: HealthNews[] = [];
  checks.open(targets(1), (more) => news.push(...more));
  checks.tell(0, { type: 'follow', version: 1, isRunning: true });
  await until('it is up', () => news.at(-1)?.health.verdict === 'up');
  const atMs = news.at(-1)?.health.change?.atMs ?? 0;
  assert.ok(Math.abs(performance.now() - atMs) < 3000, `${atMs} is not now`);
  checks.tell(0, { type: 'forget', version: 2 });
  status = 500;
  await until('it is down', () => news.at(-1)?.health.verdict === 'down');
  assert.equal(news.at(-1)?.version, 2);
  status = 200;
});

/** A target whose check makes the thread end: a pattern that the configuration would have refused throws there. */
function deadly(target: CheckTarget): CheckTarget {
  const expect = { ...target.health.expect, body: { kind: 'pattern' as const, source: '(', flags: '' } };
  return { ...target, health: { ...target.health, expect } };
}

it('a thread that ends unasked is replaced, and the checks go on', async () => {
  const crashes: string[] = [];
  const checks = createThreadedChecks({ onCrash: (reason) => crashes.push(reason) });
  opened.push(checks);
  const news: HealthNews[] = [];
  const [good] = targets(1);
  assert.ok(good !== undefined);
  checks.open([good, deadly(good)], (more) => news.push(...more));
  checks.tell(1, { type: 'follow', version: 1, isRunning: true });
  await until('it crashed', () => crashes.length > 0);
  checks.tell(1, { type: 'follow', version: 2, isRunning: false });
  checks.tell(0, { type: 'follow', version: 1, isRunning: true });
  await until('the new one checks', () =>
    news.some(({ target, health }) => target === 0 && health.verdict === 'up'),
  );
});

it('a thread that replaces another knows what was forgotten, and for whom somebody waits', async () => {
  const crashes: string[] = [];
  const checks = createThreadedChecks({ onCrash: (reason) => crashes.push(reason) });
  opened.push(checks);
  const news: HealthNews[] = [];
  const [some] = targets(1);
  assert.ok(some !== undefined);
  // weeks: checked in this test only where it is hastened
  const seldom = { intervalMs: 1_900_000_000, downIntervalMs: 1_900_000_000 };
  const good = { ...some, health: { ...some.health, ...seldom } };
  checks.open([good, good, deadly(good)], (more) => news.push(...more));
  for (const target of [0, 1]) {
    checks.tell(target, { type: 'follow', version: 1, isRunning: true });
    checks.tell(target, { type: 'forget', version: 2 });
    checks.tell(target, { type: 'hasten' });
  }
  await until('both are asked', () => new Set(news.map(({ target }) => target)).size === 2);
  checks.tell(1, { type: 'relax' });
  checks.tell(2, { type: 'follow', version: 1, isRunning: true });
  checks.tell(2, { type: 'hasten' });
  await until('it crashed', () => crashes.length > 0);
  news.length = 0;
  checks.tell(2, { type: 'follow', version: 2, isRunning: false });
  await until('the new one checks what is waited for', () =>
    news.some(({ target, version, health }) => target === 0 && version === 2 && health.verdict === 'up'),
  );
  assert.ok(
    news.every(({ target, version }) => target === 0 && version === 2),
    JSON.stringify(news),
  );
});

/** Targets that tell how many threads they were given to: what a thread is given is read at its start. */
function counted(list: readonly CheckTarget[], onStart: () => void): readonly CheckTarget[] {
  const [first, ...others] = list;
  assert.ok(first !== undefined);
  const target = {
    address: first.address,
    get health() {
      onStart();
      return first.health;
    },
  };
  return [target, ...others];
}

it('a thread that dies at its start is replaced less and less often, and soon again after it was well', async () => {
  const clock = createFakeClock();
  const crashes: number[] = [];
  let starts = 0;
  const checks = createThreadedChecks({ clock, onCrash: (_, delayMs) => crashes.push(delayMs) });
  opened.push(checks);
  const news: HealthNews[] = [];
  const [good] = targets(1);
  assert.ok(good !== undefined);
  const list = counted([good, deadly(good)], () => {
    starts += 1;
  });
  checks.open(list, (more) => news.push(...more));
  const wanted = [100, 200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 30_000, 30_000];
  checks.tell(1, { type: 'follow', version: 1, isRunning: true });
  checks.tell(1, { type: 'hasten' });
  for (const [index, delayMs] of wanted.entries()) {
    await until(`crash ${index + 1}`, () => crashes.length > index);
    // no thread is there until the delay is over: what is told meanwhile is not lost
    if (index === wanted.length - 1) checks.tell(1, { type: 'follow', version: 2, isRunning: false });
    await clock.advance(delayMs - 1);
    assert.equal(starts, index + 1, 'replaced too early');
    await clock.advance(1);
    assert.equal(starts, index + 2, 'not replaced');
  }
  assert.deepEqual(crashes, wanted);
  checks.tell(0, { type: 'follow', version: 3, isRunning: true });
  await until('it checks', () =>
    news.some(({ version, health }) => version === 3 && health.verdict === 'up'),
  );
  await clock.advance(60_001);
  checks.tell(1, { type: 'follow', version: 3, isRunning: true });
  await until('it crashed again', () => crashes.length > wanted.length);
  assert.equal(crashes.at(-1), 100);
});

it('a thread that cannot be made is tried again, and never thrown at whoever asked', async () => {
  const clock = createFakeClock();
  const crashes: string[] = [];
  const checks = createThreadedChecks({ clock, onCrash: (reason) => crashes.push(reason) });
  opened.push(checks);
  const news: HealthNews[] = [];
  let isBroken = true;
  const list = counted(targets(1), () => {
    if (isBroken) throw new Error('no more threads');
  });
  checks.open(list, (more) => news.push(...more));
  checks.tell(0, { type: 'follow', version: 1, isRunning: true });
  assert.deepEqual(crashes, ['no more threads']);
  await clock.advance(100);
  assert.deepEqual(crashes, ['no more threads', 'no more threads']);
  isBroken = false;
  await clock.advance(200);
  await until('it checks', () => news.at(-1)?.health.verdict === 'up');
});

it('closing ends the wait for a new thread', async () => {
  const clock = createFakeClock();
  let starts = 0;
  const crashes: string[] = [];
  const checks = createThreadedChecks({ clock, onCrash: (reason) => crashes.push(reason) });
  opened.push(checks);
  const list = counted(targets(1).map(deadly), () => {
    starts += 1;
  });
  checks.open(list, () => undefined);
  checks.tell(0, { type: 'follow', version: 1, isRunning: true });
  await until('it crashed', () => crashes.length > 0);
  await checks.close();
  await clock.advance(100);
  assert.equal(starts, 1);
});

it('few checks get no thread, many do', async () => {
  const configOf = (count: number, interval: string) => {
    const parsed = parseConfig({
      service: 'shop',
      edges: [{ name: 'e', listen: '127.0.0.1:1' }],
      nodes: Array.from({ length: count }, (_, index) => ({
        name: `n${index}`,
        address: `127.0.0.1:${index + 2}`,
        process: { start: 'x' },
      })),
      health: { interval },
    });
    assert.ok(parsed.ok);
    return parsed.config;
  };
  const few = createHealthChecks(configOf(199, '1s'), pino({ level: 'silent' }));
  const many = createHealthChecks(configOf(21, '100ms'), pino({ level: 'silent' }));
  opened.push(few, many);
  assert.deepEqual([few.constructor.name, many.constructor.name], ['CheckLoop', 'ThreadedChecks']);
});

it('counts what the thread counts, also what one counted that has ended', async () => {
  const crashes: string[] = [];
  const checks = createThreadedChecks({ onCrash: (reason) => crashes.push(reason) });
  opened.push(checks);
  const [well] = targets(1);
  assert.ok(well !== undefined);
  checks.open([well, deadly(well)], () => undefined);
  checks.tell(0, { type: 'follow', version: 1, isRunning: true });
  const passed = async (): Promise<number> => (await checks.counts()).passed[0] ?? 0;
  await until('checks were counted', async () => (await passed()) >= 3);
  const before = await passed();
  checks.tell(1, { type: 'follow', version: 1, isRunning: true });
  await until('the thread has ended', () => crashes.length > 0);
  assert.ok((await passed()) >= before);
  const { durations, failed } = await checks.counts();
  assert.ok(durations.counts.reduce((sum, count) => sum + count, 0) >= before);
  assert.equal(failed[0], 0);
});
