import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type CheckResult, type HealthState, isOnlyHeld, parseConfig } from '@lameduck/core';
import { createCheckLoop } from '../../src/checks/check-loop.ts';
import type { CheckTarget, HealthChecks, HealthNews } from '../../src/ports/health-checks.ts';
import { createFakeClock, type FakeClock } from '../support/fake-clock.ts';

interface LoopRig {
  readonly clock: FakeClock;
  readonly loop: HealthChecks;
  /** When each check of each target began. */
  readonly begun: readonly number[][];
  readonly news: HealthNews[];
  readonly sick: Set<number>;
  /** Checks do not end before this resolves, while it is set. */
  hold: Promise<void> | undefined;
}

function targetsOf(count: number, health: Record<string, unknown>): readonly CheckTarget[] {
  const parsed = parseConfig({
    service: 'shop',
    edges: [{ name: 'e', listen: '127.0.0.1:1' }],
    nodes: Array.from({ length: count }, (_, index) => ({
      name: `n${index}`,
      address: `127.0.0.1:${index + 2}`,
      process: { start: 'x' },
    })),
    health,
  });
  assert.ok(parsed.ok, JSON.stringify(parsed));
  return parsed.config.nodes;
}

function makeLoop(count: number, health: Record<string, unknown>, isTerse = false): LoopRig {
  const clock = createFakeClock();
  const targets = targetsOf(count, health);
  const begun: number[][] = targets.map(() => []);
  const sick = new Set<number>();
  const checker = {
    async check(address: CheckTarget['address']): Promise<CheckResult> {
      const index = targets.findIndex((target) => target.address === address);
      begun[index]?.push(clock.now());
      const passed = !sick.has(index);
      await rig.hold;
      return { passed, detail: passed ? 'status 200' : 'status 503', ms: 1 };
    },
    close: async () => undefined,
  };
  const rig: LoopRig = {
    clock,
    begun,
    sick,
    news: [],
    hold: undefined,
    loop: createCheckLoop({ checker, clock, isTerse }),
  };
  rig.loop.open(targets, (news) => rig.news.push(...news));
  return rig;
}

function follow({ loop }: LoopRig, count: number): void {
  for (let target = 0; target < count; target += 1)
    loop.tell(target, { type: 'follow', version: 1, isRunning: true });
}

const lastOf = (rig: LoopRig): HealthState | undefined => rig.news.at(-1)?.health;

describe('the check loop', () => {
  it('E23: spreads the first checks over the interval, and keeps them spread by jitter', async () => {
    const rig = makeLoop(400, { interval: '1s' });
    follow(rig, 400);
    await rig.clock.advance(10_000);
    for (const [from, to] of [
      [0, 1000],
      [8000, 9000],
    ] as const) {
      const slots = Array<number>(10).fill(0);
      for (const at of rig.begun.flat().filter((time) => time >= from && time < to)) {
        const slot = Math.floor((at - from) / 100);
        slots[slot] = (slots[slot] ?? 0) + 1;
      }
      for (const slot of slots) assert.ok(slot >= 15 && slot <= 75, `${slots.join(' ')} from ${from} ms`);
    }
    for (const times of rig.begun) {
      const gaps = times.slice(1).map((at, index) => at - (times[index] ?? 0));
      assert.ok(gaps.length >= 8 && gaps.every((gap) => gap >= 899 && gap <= 1101), gaps.join(' '));
      assert.ok(new Set(gaps.map(Math.round)).size > 1, 'no jitter');
    }
  });

  it('asks a node that is down at its own interval', async () => {
    const rig = makeLoop(1, { interval: '1s', downInterval: '4s', rise: 1, fall: 1 });
    rig.sick.add(0);
    follow(rig, 1);
    await rig.clock.advance(21_000);
    const count = rig.begun[0]?.length ?? 0;
    assert.ok(count >= 5 && count <= 7, `${count} checks in 21 s`);
    rig.sick.clear();
    await rig.clock.advance(5000);
    const before = rig.begun[0]?.length ?? 0;
    await rig.clock.advance(10_000);
    const after = (rig.begun[0]?.length ?? 0) - before;
    assert.ok(after >= 9 && after <= 11, `${after} checks in 10 s`);
  });

  it('an answer that takes long does not make the next check late', async () => {
    const rig = makeLoop(1, { interval: '1s' });
    const slow = Promise.withResolvers<void>();
    follow(rig, 1);
    rig.hold = slow.promise;
    await rig.clock.advance(1500);
    assert.equal(rig.begun[0]?.length, 1, 'one check of a target at a time');
    slow.resolve();
    rig.hold = undefined;
    await rig.clock.advance(1200);
    const [first = 0, second = 0, third = Number.POSITIVE_INFINITY] = rig.begun[0] ?? [];
    assert.ok(third - second <= 1101 && second - first <= 1501, rig.begun[0]?.join(' '));
  });

  it('asks often while somebody waits, and checks nothing that does not run', async () => {
    const rig = makeLoop(2, { interval: '10s' });
    rig.loop.tell(0, { type: 'follow', version: 1, isRunning: true });
    rig.loop.tell(1, { type: 'follow', version: 1, isRunning: false });
    rig.loop.tell(0, { type: 'hasten' });
    rig.loop.tell(1, { type: 'hasten' });
    await rig.clock.advance(1050);
    assert.deepEqual([rig.begun[0]?.length, rig.begun[1]?.length], [11, 0]);
    rig.loop.tell(0, { type: 'relax' });
    await rig.clock.advance(20_000);
    assert.ok((rig.begun[0]?.length ?? 0) <= 14);
    rig.loop.tell(0, { type: 'follow', version: 2, isRunning: false });
    const before = rig.begun[0]?.length;
    await rig.clock.advance(60_000);
    assert.equal(rig.begun[0]?.length, before);
  });

  it('drops the answer to a question from before the node was started anew', async () => {
    const rig = makeLoop(1, { interval: '1s', rise: 1 });
    const slow = Promise.withResolvers<void>();
    rig.hold = slow.promise;
    follow(rig, 1);
    await rig.clock.advance(1100);
    rig.loop.tell(0, { type: 'forget', version: 2 });
    slow.resolve();
    await rig.clock.advance(0);
    assert.equal(rig.news.length, 0);
    await rig.clock.advance(1200);
    assert.deepEqual([rig.news[0]?.version, lastOf(rig)?.verdict], [2, 'up']);
  });

  it('errors at the edge make a node fail at once; its checks bring it back', async () => {
    const rig = makeLoop(1, { interval: '1s', rise: 2 });
    follow(rig, 1);
    await rig.clock.advance(3000);
    assert.equal(lastOf(rig)?.verdict, 'up');
    rig.loop.tell(0, { type: 'fail', reason: '5 errors' });
    assert.deepEqual([lastOf(rig)?.verdict, lastOf(rig)?.change?.reason], ['down', '5 errors']);
    await rig.clock.advance(2500);
    assert.equal(lastOf(rig)?.verdict, 'up');
  });

  it('tells a thread only what is new', async () => {
    const rig = makeLoop(1, { interval: '1s', rise: 2, fall: 2 }, true);
    follow(rig, 1);
    await rig.clock.advance(30_000);
    assert.deepEqual(
      rig.news.map(({ health }) => health.verdict),
      ['unknown', 'up'],
    );
    rig.sick.add(0);
    await rig.clock.advance(30_000);
    assert.deepEqual(
      rig.news.slice(2).map(({ health }) => health.verdict),
      ['up', 'down'],
    );
  });

  it('E23: tells a thread also that only damping keeps a node down, once for each time that its checks have risen', async () => {
    const rig = makeLoop(1, { interval: '1s', downInterval: '1s', rise: 3, fall: 1 }, true);
    const isHeldAlone = (): boolean => {
      const health = lastOf(rig);
      return health !== undefined && isOnlyHeld(health, { rise: 3 }, rig.clock.now());
    };
    follow(rig, 1);
    await rig.clock.advance(6000);
    for (let fall = 0; fall < 4; fall += 1) {
      rig.sick.add(0);
      await rig.clock.advance(1500);
      rig.sick.clear();
      if (fall < 2) await rig.clock.advance(6000);
    }
    assert.ok(!isHeldAlone(), 'its checks have not risen yet');
    await rig.clock.advance(5000);
    assert.deepEqual([lastOf(rig)?.verdict, isHeldAlone()], ['down', true]);
    const told = rig.news.length;
    await rig.clock.advance(2000);
    assert.equal(rig.news.length, told, 'further passes are no news');
    rig.sick.add(0);
    await rig.clock.advance(1500);
    assert.ok(!isHeldAlone(), 'it fails again');
  });

  it('checks nothing after its end', async () => {
    const rig = makeLoop(3, { interval: '1s' });
    follow(rig, 3);
    await rig.clock.advance(2000);
    await rig.loop.close();
    const before = rig.begun.flat().length;
    await rig.clock.advance(5000);
    assert.equal(rig.begun.flat().length, before);
  });
});

it('checks are counted by target and result, with how long they took', async () => {
  const { clock, loop, sick } = makeLoop(2, { interval: '1s' });
  sick.add(1);
  for (const target of [0, 1]) loop.tell(target, { type: 'follow', version: 1, isRunning: true });
  await clock.advance(10_500);
  const { passed, failed, lastMs, durations } = await loop.counts();
  const total = (passed[0] ?? 0) + (failed[1] ?? 0);
  assert.ok(total >= 16, `${total}`);
  assert.deepEqual([passed[1], failed[0]], [0, 0]);
  assert.deepEqual(lastMs, [1, 1]);
  assert.equal(durations.counts[0], total, 'within a millisecond');
  assert.ok(Math.abs(durations.sum - total / 1000) < 1e-9);
});
