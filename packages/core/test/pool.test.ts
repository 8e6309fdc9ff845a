import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { stepPool } from '../src/pool.ts';
import {
  backOffMs,
  initialPool,
  type PoolEffect,
  type PoolEvent,
  type PoolSettings,
  type PoolState,
  type PoolTimer,
  poolStatus,
} from '../src/pool-state.ts';
import { poolSettings } from './support.ts';

const settings: PoolSettings = { ...poolSettings, maxRecycling: 2, maxComing: 3 };

/** The world around a pool: which processes and timers exist, as its effects made them. */
class World {
  state: PoolState;
  readonly processes = new Set<number>();
  readonly timers = new Map<string, PoolTimer>();
  readonly terminated = new Set<number>();
  readonly answered: number[] = [];
  readonly asked: number[] = [];
  readonly exits: number[] = [];
  readonly outcomes: string[] = [];

  constructor(target: number, minReadyMs: PoolSettings['minReadyMs'] = 0) {
    this.state = initialPool({ ...settings, minReadyMs }, target);
    this.send({ type: 'startRequested' });
  }

  send(event: PoolEvent): readonly PoolEffect[] {
    if (event.type === 'workerExited') this.processes.delete(event.id);
    if (event.type === 'timerFired') this.timers.delete(`${event.timer.name}${event.timer.id}`);
    if (event.type === 'reloadRequested' && event.ticket !== undefined) this.asked.push(event.ticket);
    const before = this.state;
    const next = stepPool(before, event);
    this.state = next.state;
    assertStep(before, next.state, next.effects);
    for (const effect of next.effects) this.perform(effect, before);
    return next.effects;
  }

  private perform(effect: PoolEffect, before: PoolState): void {
    switch (effect.type) {
      case 'spawnWorker':
        assert.ok(before.phase !== 'stopping' && before.phase !== 'stopped', 'spawned while stopping');
        assert.ok(!this.processes.has(effect.id), 'spawned twice');
        this.processes.add(effect.id);
        return;
      case 'terminateWorker':
        assert.ok(!this.terminated.has(effect.id), 'terminated twice');
        this.terminated.add(effect.id);
        assert.ok(this.processes.has(effect.id), 'signalled a worker that does not exist');
        return;
      case 'quitWorker':
      case 'killWorker':
        assert.ok(this.processes.has(effect.id), 'signalled a worker that does not exist');
        return;
      case 'startTimer':
        this.timers.set(`${effect.timer.name}${effect.timer.id}`, effect.timer);
        return;
      case 'cancelTimer':
        this.timers.delete(`${effect.timer.name}${effect.timer.id}`);
        return;
      case 'cancelTimers':
        for (const [key, timer] of this.timers) if (timer.id === effect.id) this.timers.delete(key);
        return;
      case 'replyReload':
        this.answered.push(...effect.tickets);
        this.outcomes.push(effect.outcome.type);
        return;
      case 'announceReady':
        return;
      case 'exit':
        assert.equal(this.processes.size, 0, 'exited before its workers');
        this.exits.push(effect.code);
        return;
    }
  }
}

const staying = (state: PoolState) => state.workers.filter((worker) => worker.state !== 'draining');
const isReady = (state: PoolState, id: number): boolean =>
  state.workers.some((worker) => worker.id === id && worker.state === 'ready');

/** Invariants 2, 4 and 5, which are about one step. */
function assertStep(before: PoolState, after: PoolState, effects: readonly PoolEffect[]): void {
  // What was killed is gone in a moment, and nobody waits for it.
  const processes = after.workers.filter((worker) => worker.state !== 'waiting' && !worker.isKilled).length;
  const isReloading = after.phase === 'reloading';
  if (effects.some((effect) => effect.type === 'spawnWorker'))
    assert.ok(
      staying(after).length <= after.target ||
        processes <= after.target + (isReloading ? settings.extraWorkers : settings.maxRecycling),
      `too many processes: ${JSON.stringify(after)}`,
    );
  const known = new Set(before.workers.map(({ id }) => id));
  const coming = after.workers.filter(({ state }) => state === 'booting' || state === 'waiting').length;
  if (effects.some((effect) => effect.type === 'spawnWorker' && !known.has(effect.id)))
    assert.ok(coming <= settings.maxComing, `too many at a time: ${JSON.stringify(after)}`);
  const hasFailed = effects.some(
    (effect) => effect.type === 'replyReload' && effect.outcome.type === 'failed',
  );
  const isFailedReload = hasFailed && after.phase !== 'stopping' && after.phase !== 'stopped';
  const isStopping = after.phase === 'stopping' || after.phase === 'stopped';
  const ready = after.workers.filter((worker) => worker.state === 'ready');
  const counting = ready.filter(
    (worker) => !isReloading || worker.generation !== after.fresh || worker.isAvailable === true,
  );
  for (const effect of effects) {
    if (effect.type === 'replyReload' && effect.outcome.type === 'done')
      assert.ok(
        after.target <= ready.filter((worker) => worker.generation === after.generation).length,
        'a reload ended before all new workers were ready',
      );
    if (effect.type !== 'terminateWorker' || isStopping || !isReady(before, effect.id)) continue;
    const isUnavailable = before.workers.some(
      ({ id, isAvailable }) => id === effect.id && isAvailable !== true,
    );
    assert.ok(!isFailedReload || isUnavailable, 'a failed reload signalled an available worker');
    assert.ok(counting.length >= after.target, 'a ready worker left before its replacement was available');
  }
}

type Move =
  | { readonly do: 'send'; readonly event: PoolEvent }
  | {
      readonly do: 'worker';
      readonly type: 'workerHeard' | 'workerReady' | 'workerDraining' | 'recycleRequested';
      readonly pick: number;
    }
  | { readonly do: 'fail' | 'timer'; readonly pick: number }
  | { readonly do: 'exit'; readonly pick: number; readonly code: number };

const pick = fc.nat(20);
const move: fc.Arbitrary<Move> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('worker' as const),
      type: fc.constant('workerReady' as const),
      pick,
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('worker' as const),
      type: fc.constantFrom(
        'workerHeard' as const,
        'workerDraining' as const,
        'recycleRequested' as const,
        'recycleRequested' as const,
      ),
      pick,
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('exit' as const), pick, code: fc.constantFrom(0, 1, 3) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('fail' as const), pick }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('timer' as const), pick }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('send' as const),
      event: fc.oneof(
        fc.record({ type: fc.constant('reloadRequested' as const), ticket: fc.nat() }),
        fc.record({ type: fc.constant('scaleRequested' as const), workers: fc.nat(5) }),
        // Somebody else's pid, a late message, a timer that fired while it was being cancelled.
        fc.record({
          type: fc.constant('workerExited' as const),
          id: fc.constant(9999),
          code: fc.constant(0),
          signal: fc.constant(null),
        }),
        fc.record({
          type: fc.constant('timerFired' as const),
          timer: fc.record({
            name: fc.constantFrom('respawn' as const, 'deadline' as const, 'heartbeat' as const),
            id: fc.nat(12),
          }),
        }),
      ),
    }),
  },
);
const stopMove: fc.Arbitrary<Move> = fc.record({
  do: fc.constant('send' as const),
  event: fc.record({
    type: fc.constant('stopRequested' as const),
    mode: fc.constantFrom('graceful' as const, 'quick' as const),
  }),
});
const history = fc.tuple(
  fc.array(move, { maxLength: 60, size: 'max' }),
  fc.array(fc.oneof({ weight: 9, arbitrary: move }, { weight: 1, arbitrary: stopMove }), {
    maxLength: 30,
    size: 'max',
  }),
);

function play(world: World, one: Move): void {
  if (one.do === 'send') {
    world.send(one.event);
    return;
  }
  const choices: readonly (number | PoolTimer)[] =
    one.do === 'timer' ? [...world.timers.values()] : [...world.processes];
  const chosen = choices[one.pick % Math.max(1, choices.length)];
  if (chosen === undefined) return;
  if (typeof chosen === 'object') world.send({ type: 'timerFired', timer: chosen });
  else if (one.do === 'exit') world.send({ type: 'workerExited', id: chosen, code: one.code, signal: null });
  else if (one.do === 'fail') world.send({ type: 'workerFailed', id: chosen, message: 'no' });
  else if (one.do === 'worker') world.send({ type: one.type, id: chosen });
}

const run = fc.record({
  target: fc.integer({ min: 1, max: 4 }),
  minReadyMs: fc.constantFrom<PoolSettings['minReadyMs']>(0, 100, 'shared'),
  // Most histories begin with a pool that is up: one that fails before gives up, and its history is short.
  isUp: fc.oneof({ weight: 4, arbitrary: fc.constant(true) }, { weight: 1, arbitrary: fc.constant(false) }),
  history,
});
type Run = typeof run extends fc.Arbitrary<infer Value> ? Value : never;

function readyPool(target: number, minReadyMs: PoolSettings['minReadyMs'] = 0): World {
  const world = new World(target, minReadyMs);
  for (let id = 1; id <= target; id++) world.send({ type: 'workerReady', id });
  return world;
}
function playAll({ target, minReadyMs, isUp, history: [running, ending] }: Run): World {
  const world = isUp ? readyPool(target, minReadyMs) : new World(target, minReadyMs);
  for (const one of [...running, ...ending]) play(world, one);
  return world;
}

describe('pool: every history', () => {
  it('signals only what exists, never spawns too many or while stopping, never takes a ready worker in a failed reload', () => {
    fc.assert(
      fc.property(run, (one) => void playAll(one)),
      { numRuns: 1000 },
    );
  });

  it('ends with exactly one exit once everything has left after a stop', () => {
    fc.assert(
      fc.property(run, (one) => {
        const world = playAll(one);
        world.send({ type: 'stopRequested', mode: 'graceful' });
        for (const id of [...world.processes])
          world.send({ type: 'workerExited', id, code: 0, signal: null });
        assert.equal(world.exits.length, 1);
        assert.equal(world.state.phase, 'stopped');
        assert.equal(world.timers.size, 0, 'a timer was left');
        world.send({ type: 'stopRequested', mode: 'quick' });
        world.send({ type: 'startRequested' });
        assert.equal(world.exits.length, 1);
      }),
      { numRuns: 1000 },
    );
  });

  it('answers every reload ticket exactly once', () => {
    fc.assert(
      fc.property(run, (one) => {
        const world = playAll(one);
        world.send({ type: 'stopRequested', mode: 'graceful' });
        const sorted = (list: readonly number[]): readonly number[] => list.toSorted((a, b) => a - b);
        assert.deepEqual(sorted(world.answered), sorted(world.asked));
      }),
      { numRuns: 1000 },
    );
  });
});

describe('pool: every history that calms down', () => {
  it('comes back to full strength when workers behave again, unless it was stopped or never started', () => {
    fc.assert(
      fc.property(run, (one) => {
        const world = playAll(one);
        for (let n = 0; n < 200; n++) {
          const booting = world.state.workers.find((worker) => worker.state === 'booting');
          const leaving = world.state.workers.find((worker) => worker.state === 'draining');
          const waiting = [...world.timers.values()].find(
            ({ name }) => name === 'respawn' || name === 'available',
          );
          if (booting !== undefined) world.send({ type: 'workerReady', id: booting.id });
          else if (leaving !== undefined)
            world.send({ type: 'workerExited', id: leaving.id, code: 0, signal: null });
          else if (waiting !== undefined) world.send({ type: 'timerFired', timer: waiting });
        }
        if (world.state.phase === 'stopping' || world.state.phase === 'stopped') return;
        assert.equal(world.state.phase, 'ready');
        assert.equal(world.state.workers.length, world.state.target);
        assert.ok(world.state.workers.every((worker) => worker.state === 'ready' && worker.isWorn !== true));
      }),
      { numRuns: 1000 },
    );
  });
});

const terminated = (effects: readonly PoolEffect[]): readonly number[] =>
  effects.flatMap((effect) => (effect.type === 'terminateWorker' ? [effect.id] : []));
const exited = (id: number, code = 0): PoolEvent => ({ type: 'workerExited', id, code, signal: null });

describe('pool: scale to nothing', () => {
  it('is ready without workers where that came before the first was ready, and takes a reload', () => {
    const world = new World(1);
    world.send({ type: 'scaleRequested', workers: 0 });
    assert.equal(world.state.phase, 'ready');
    world.send({ type: 'workerExited', id: 1, code: 0, signal: null });
    world.send({ type: 'reloadRequested', ticket: 1 });
    assert.deepEqual(world.outcomes, ['done']);
  });
});

describe('pool: reload', () => {
  it('replaces one by one: starts a worker, then tells one old to leave, and waits for its end', () => {
    const world = readyPool(2);
    assert.deepEqual(terminated(world.send({ type: 'reloadRequested', ticket: 1 })), []);
    assert.deepEqual(terminated(world.send({ type: 'workerReady', id: 3 })), [1]);
    assert.equal(world.processes.size, 3);
    world.send(exited(1));
    assert.deepEqual(terminated(world.send({ type: 'workerReady', id: 4 })), [2]);
    assert.equal(world.state.phase, 'ready');
    assert.equal(world.state.generation, 2);
    assert.deepEqual(world.outcomes, ['done']);
  });

  it('R4: keeps the old generation, untouched, where the new code fails at boot', () => {
    const world = readyPool(2);
    world.send({ type: 'reloadRequested', ticket: 1 });
    world.send({ type: 'workerFailed', id: 3, message: 'no such module' });
    const effects = world.send(exited(3, 3));
    assert.deepEqual(
      effects.find((effect) => effect.type === 'replyReload'),
      { type: 'replyReload', tickets: [1], outcome: { type: 'failed', message: 'no such module' } },
    );
    assert.deepEqual([world.state.phase, world.state.generation, [...world.processes]], ['ready', 1, [1, 2]]);
  });

  it('R5: kills a new worker that is not ready in time and fails the reload', () => {
    const world = readyPool(1);
    world.send({ type: 'reloadRequested', ticket: 1 });
    const effects = world.send({ type: 'timerFired', timer: { name: 'ready', id: 2 } });
    assert.ok(effects.some((effect) => effect.type === 'killWorker' && effect.id === 2));
    assert.deepEqual(world.outcomes, ['failed']);
    assert.deepEqual(terminated(effects), []);
  });

  it('lets a new worker serve for a while before an old one leaves for it', () => {
    const world = readyPool(2, 100);
    const available = (id: number): PoolEvent => ({ type: 'timerFired', timer: { name: 'available', id } });
    world.send({ type: 'reloadRequested', ticket: 1 });
    assert.deepEqual(terminated(world.send({ type: 'workerReady', id: 3 })), []);
    assert.equal(world.processes.size, 3);
    assert.deepEqual(terminated(world.send(available(3))), [1]);
    world.send(exited(1));
    assert.deepEqual(terminated(world.send({ type: 'workerReady', id: 4 })), []);
    assert.deepEqual(world.outcomes, []);
    assert.deepEqual(terminated(world.send(available(4))), [2]);
    assert.deepEqual(world.outcomes, ['done']);
  });

  it('gives all workers of a reload eight seconds, one to four each, where nothing is told', () => {
    const timeOf = (target: number): number | undefined => {
      const world = readyPool(target, 'shared');
      world.send({ type: 'reloadRequested', ticket: 1 });
      const effects = world.send({ type: 'workerReady', id: target + 1 });
      const timers = effects.filter((effect) => effect.type === 'startTimer');
      return timers.find(({ timer }) => timer.name === 'available')?.ms;
    };
    assert.deepEqual([1, 2, 3, 4, 8, 16].map(timeOf), [4000, 4000, 2667, 2000, 1000, 1000]);
  });

  it('fails, with the old generation untouched, where a new worker dies before it was available', () => {
    const world = readyPool(2, 100);
    world.send({ type: 'reloadRequested', ticket: 1 });
    world.send({ type: 'workerReady', id: 3 });
    assert.deepEqual(terminated(world.send(exited(3, 1))), []);
    assert.deepEqual(world.outcomes, ['failed']);
    assert.deepEqual([world.state.generation, [...world.processes]], [1, [1, 2]]);
  });

  it('R17: coalesces all requests that come during a reload into one more', () => {
    const world = readyPool(1);
    for (const ticket of [1, 2, 3]) world.send({ type: 'reloadRequested', ticket });
    world.send({ type: 'workerReady', id: 2 });
    world.send(exited(1));
    world.send({ type: 'workerReady', id: 3 });
    assert.deepEqual([world.answered, world.state.generation, world.state.phase], [[1, 2, 3], 3, 'ready']);
  });

  it('R17: stops at once when told to stop in a reload', () => {
    const world = readyPool(2);
    world.send({ type: 'reloadRequested', ticket: 1 });
    const effects = world.send({ type: 'stopRequested', mode: 'graceful' });
    assert.deepEqual(terminated(effects), [1, 2, 3]);
    assert.deepEqual(world.outcomes, ['failed']);
  });
});

describe('pool: crashes', () => {
  it('gives up when the first worker fails before anything was ready', () => {
    const world = new World(2);
    world.send({ type: 'workerFailed', id: 1, message: 'bad entry' });
    world.send(exited(1, 3));
    const effects = world.send(exited(2, 0));
    assert.deepEqual(effects.at(-1), {
      type: 'exit',
      code: 3,
      failure: { code: 'entryUnusable', message: 'bad entry' },
    });
  });

  it('R16: goes on when a respawned worker fails at boot, and is degraded', () => {
    const world = readyPool(2);
    world.send(exited(1, 1));
    world.send({ type: 'timerFired', timer: { name: 'respawn', id: 3 } });
    world.send(exited(3, 3));
    assert.equal(poolStatus(world.state), 'degraded');
    assert.deepEqual([...world.processes], [2]);
  });

  it('R15: waits 1.5^n seconds, at most 30, between the crashes of one place; a healthy while resets it', () => {
    assert.deepEqual([1, 2, 3, 4, 9, 10, 100].map(backOffMs), [0, 1500, 2250, 3375, 25_629, 30_000, 30_000]);
    const world = readyPool(1);
    const delays: number[] = [];
    for (let id = 1; id < 5; id++) {
      const effects = world.send(exited(id, 1));
      for (const effect of effects)
        if (effect.type === 'startTimer' && effect.timer.name === 'respawn') delays.push(effect.ms);
      world.send({ type: 'timerFired', timer: { name: 'respawn', id: id + 1 } });
      world.send({ type: 'workerReady', id: id + 1 });
    }
    assert.deepEqual(delays, [0, 1500, 2250, 3375]);
    world.send({ type: 'timerFired', timer: { name: 'healthy', id: 5 } });
    assert.equal(world.state.workers[0]?.crashes, 0);
  });

  it('starts a few at a time when many are wanted, and no more while those do not start', () => {
    const world = readyPool(2);
    world.send({ type: 'scaleRequested', workers: 20 });
    assert.equal(world.processes.size, 2 + settings.maxComing);
    for (let id = 3; id <= 10; id++) world.send({ type: 'workerReady', id });
    assert.equal(world.processes.size, 10 + settings.maxComing);
    for (let id = 11; id <= 13; id++) world.send(exited(id, 1));
    assert.deepEqual([world.processes.size, world.state.workers.length], [10, 10 + settings.maxComing]);
  });

  it('is paused while no worker is wanted', () => {
    const world = readyPool(1);
    world.send({ type: 'scaleRequested', workers: 0 });
    assert.equal(poolStatus(world.state), 'paused');
    world.send({ type: 'scaleRequested', workers: 1 });
    world.send({ type: 'workerReady', id: 2 });
    assert.equal(poolStatus(world.state), 'ready');
  });

  it('kills a ready worker that fell silent and replaces it', () => {
    const world = readyPool(2);
    const effects = world.send({ type: 'timerFired', timer: { name: 'heartbeat', id: 1 } });
    assert.ok(effects.some((effect) => effect.type === 'killWorker' && effect.reason === 'silent'));
    world.send({ type: 'timerFired', timer: { name: 'respawn', id: 3 } });
    assert.ok(world.processes.has(3));
  });
});

describe('pool: recycling', () => {
  const recycle = (id: number): PoolEvent => ({ type: 'recycleRequested', id });

  it('R20: starts a replacement first and tells the worn worker to leave when it is ready', () => {
    const world = readyPool(2);
    assert.deepEqual(terminated(world.send(recycle(1))), []);
    assert.deepEqual([...world.processes], [1, 2, 3]);
    assert.deepEqual(terminated(world.send({ type: 'workerReady', id: 3 })), [1]);
    world.send(exited(1));
    assert.deepEqual([world.state.phase, [...world.processes]], ['ready', [2, 3]]);
    assert.equal(world.state.generation, 1);
  });

  it('R20: replaces no more at once than it may, the leaving ones included', () => {
    const world = readyPool(4);
    for (const id of [1, 2, 3, 4]) world.send(recycle(id));
    assert.deepEqual([...world.processes], [1, 2, 3, 4, 5, 6]);
    world.send({ type: 'workerReady', id: 5 });
    assert.equal(world.processes.size, 6, 'the leaving worker still counts');
    world.send(exited(1));
    assert.deepEqual([...world.processes], [2, 3, 4, 5, 6, 7]);
  });

  it('lets a replacement that fails at boot wait its back-off; the worn worker serves on', () => {
    const world = readyPool(1);
    world.send(recycle(1));
    const delays = [2, 3, 4].map((id) => {
      const effects = world.send(exited(id, 3));
      assert.deepEqual([...world.processes], [1]);
      world.send({ type: 'timerFired', timer: { name: 'respawn', id: id + 1 } });
      const timer = effects.find((effect) => effect.type === 'startTimer' && effect.timer.name === 'respawn');
      return timer?.type === 'startTimer' && timer.ms;
    });
    assert.deepEqual(delays, [0, 1500, 2250]);
    assert.deepEqual(terminated(world.send({ type: 'workerReady', id: 5 })), [1]);
  });

  it('leaves it to a reload to replace worn workers of the old generation', () => {
    const world = readyPool(1);
    world.send({ type: 'reloadRequested', ticket: 1 });
    assert.deepEqual(world.send(recycle(1)), []);
    world.send({ type: 'workerReady', id: 2 });
    world.send(exited(1));
    assert.deepEqual([[...world.processes], world.state.phase], [[2], 'ready']);
  });
});

describe('pool: how urgent a start is', () => {
  it('is spare where as many serve as are wanted: in a reload, not at the start, after a crash or in a scale-up', () => {
    const world = readyPool(2);
    const spares = (effects: readonly PoolEffect[]): boolean[] =>
      effects.flatMap((effect) => (effect.type === 'spawnWorker' ? [effect.isSpare] : []));
    assert.deepEqual(spares(world.send({ type: 'scaleRequested', workers: 3 })), [false]);
    world.send({ type: 'workerReady', id: 3 });
    assert.deepEqual(spares(world.send({ type: 'reloadRequested', ticket: 1 })), [true]);
    world.send(exited(1));
    assert.deepEqual(spares(world.send({ type: 'workerReady', id: 4 })), [true]);
  });
});

describe('pool: recycling after a reload', () => {
  it('replaces at once a worker of the new generation that was worn before the reload had ended', () => {
    const world = readyPool(2);
    world.send({ type: 'reloadRequested', ticket: 1 });
    world.send({ type: 'workerReady', id: 3 });
    world.send({ type: 'recycleRequested', id: 3 });
    world.send(exited(1));
    const effects = world.send({ type: 'workerReady', id: 4 });
    assert.deepEqual(world.outcomes, ['done']);
    assert.ok(effects.some((effect) => effect.type === 'spawnWorker'));
  });
});

describe('pool: stop', () => {
  it('R24: takes what was over of the graceful timeout before the stop off the deadline of its workers', () => {
    const world = readyPool(1);
    const { deadlineMs } = world.state.settings;
    const effects = world.send({ type: 'stopRequested', mode: 'graceful', spentMs: 400 });
    const deadline = effects.find(
      (effect) => effect.type === 'startTimer' && effect.timer.name === 'deadline',
    );
    assert.deepEqual(deadline, {
      type: 'startTimer',
      timer: { name: 'deadline', id: 1 },
      ms: deadlineMs - 400,
    });
  });

  it('R18: stays graceful at a second TERM, turns quick at INT', () => {
    const world = readyPool(1);
    world.send({ type: 'stopRequested', mode: 'graceful' });
    assert.deepEqual(world.send({ type: 'stopRequested', mode: 'graceful' }), []);
    const effects = world.send({ type: 'stopRequested', mode: 'quick' });
    assert.deepEqual(effects, [
      { type: 'quitWorker', id: 1 },
      { type: 'startTimer', timer: { name: 'deadline', id: 1 }, ms: 500 },
    ]);
  });

  it('R9: exits with the code of a passed deadline when it had to kill', () => {
    const world = readyPool(1);
    world.send({ type: 'stopRequested', mode: 'graceful' });
    world.send({ type: 'timerFired', timer: { name: 'deadline', id: 1 } });
    world.send({ type: 'workerExited', id: 1, code: null, signal: 'SIGKILL' });
    assert.deepEqual(world.exits, [5]);
  });

  it('exits with the same code when a worker ended requests at its own deadline, but not in a quick stop', () => {
    for (const [mode, code] of [
      ['graceful', 5],
      ['quick', 0],
    ] as const) {
      const world = readyPool(2);
      world.send({ type: 'stopRequested', mode });
      world.send(exited(1, 5));
      world.send(exited(2));
      assert.deepEqual(world.exits, [code]);
    }
  });

  it('replaces a worker that leaves by itself, with the back-off of a crash if it repeats itself', () => {
    const world = readyPool(1);
    const delays = [2, 3].map((id) => {
      const effects = world.send({ type: 'workerDraining', id: id - 1 });
      world.send({ type: 'timerFired', timer: { name: 'respawn', id } });
      return effects.find((effect) => effect.type === 'startTimer' && effect.timer.name === 'respawn');
    });
    assert.deepEqual(
      delays.map((delay) => delay?.type === 'startTimer' && delay.ms),
      [0, 1500],
    );
    assert.equal(world.state.crashes, 0);
  });
});
