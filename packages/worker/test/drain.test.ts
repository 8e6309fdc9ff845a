import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { startDrain, stepDrain } from '../src/drain.ts';
import type { DrainBudgets, DrainEffect, DrainEvent, DrainState, DrainTimer } from '../src/drain-state.ts';

const budgets: DrainBudgets = {
  lameDuckMs: 0,
  lingerMs: 3000,
  headerMs: 5000,
  graceMs: 30_000,
  quickMs: 2000,
  shutdownMs: 3000,
  sessionMs: 5000,
};

interface Step {
  readonly from: DrainState;
  readonly event: DrainEvent;
  readonly to: DrainState;
  readonly effects: readonly DrainEffect[];
}

function run(history: readonly DrainEvent[], start: DrainBudgets): Step[] {
  const steps: Step[] = [];
  let from = startDrain(start);
  for (const event of history) {
    const { state: to, effects } = stepDrain(from, event);
    steps.push({ from, event, to, effects });
    from = to;
  }
  return steps;
}

const bounceMs = 7000;
const ms = fc.integer({ min: 0, max: 10_000 });
const anyBudgets: fc.Arbitrary<DrainBudgets> = fc.record({
  lameDuckMs: fc.oneof(fc.constant(0), ms),
  lingerMs: ms,
  headerMs: ms,
  graceMs: ms,
  quickMs: ms,
  shutdownMs: ms,
  sessionMs: ms,
});
const anyEvent: fc.Arbitrary<DrainEvent> = fc.oneof(
  fc.constantFrom<DrainEvent>(
    { type: 'ready' },
    { type: 'terminate' },
    { type: 'quit' },
    { type: 'settled' },
    { type: 'emptied' },
    { type: 'replaced' },
    { type: 'bounce', ms: bounceMs },
    { type: 'released' },
    { type: 'handOffRefused' },
    { type: 'sessionsCut', names: ['GET /ws'] },
  ),
  ms.map((lingerMs): DrainEvent => ({ type: 'lingerShortened', lingerMs })),
  ms.map((graceMs): DrainEvent => ({ type: 'graceShortened', graceMs })),
  fc
    .constantFrom(
      'lameDuck' as const,
      'sweep' as const,
      'session' as const,
      'grace' as const,
      'shutdown' as const,
    )
    .map((timer): DrainEvent => ({ type: 'timerExpired', timer })),
  fc
    .array(fc.constant('GET /x'), { maxLength: 2 })
    .map((requests): DrainEvent => ({ type: 'aborted', requests })),
  fc.boolean().map((isClean): DrainEvent => ({ type: 'shutdownEnded', isClean })),
);
// Half of the histories are ready first: purely random ones mostly end while starting.
const anyHistory = fc
  .tuple(fc.boolean(), fc.array(anyEvent, { maxLength: 30 }))
  .map(([isReady, events]): DrainEvent[] => (isReady ? [{ type: 'ready' }, ...events] : events));

function property(name: string, check: (steps: readonly Step[], start: DrainBudgets) => void): void {
  test(name, () => {
    const holds = fc.property(anyHistory, anyBudgets, (history, start) => check(run(history, start), start));
    fc.assert(holds, { numRuns: 2000 });
  });
}

function effectsOf(steps: readonly Step[]): DrainEffect[] {
  return steps.flatMap((step) => step.effects);
}

property(
  'accepting stops once, after the drain is announced and before anything is closed or cut',
  (steps) => {
    const types = effectsOf(steps).map((effect) => effect.type);
    const stop = types.indexOf('stopAccepting');
    assert.equal(types.lastIndexOf('stopAccepting'), stop);
    assert.ok(types.indexOf('announceDrain') <= stop || stop < 0);
    for (const later of [
      'closeIdle',
      'closeSettled',
      'tellSessions',
      'cutSessions',
      'abortRemaining',
    ] as const) {
      const first = types.indexOf(later);
      if (first >= 0) assert.ok(stop >= 0 && stop < first, `${later} before stopAccepting`);
    }
  },
);

property('nothing is cut unless the grace period has passed', (steps) => {
  for (const { effects, event } of steps) {
    if (!effects.some((effect) => effect.type === 'abortRemaining')) continue;
    assert.deepEqual(event, { type: 'timerExpired', timer: 'grace' });
  }
});

property(
  'the shutdown hooks run exactly once in every history that exits after having been ready',
  (steps) => {
    const runs = effectsOf(steps).filter((effect) => effect.type === 'runShutdown').length;
    const wasReady = steps.some((step) => step.to.phase === 'serving');
    const hasExited = steps.at(-1)?.to.phase === 'exited';
    assert.ok(runs <= 1);
    if (hasExited) assert.equal(runs, wasReady ? 1 : 0);
  },
);

property('an exit happens at most once, and nothing happens after it', (steps) => {
  const exit = steps.findIndex((step) => step.effects.some((effect) => effect.type === 'exit'));
  if (exit < 0) return;
  assert.equal(steps[exit]?.effects.at(-1)?.type, 'exit');
  for (const step of steps.slice(exit + 1)) assert.deepEqual([step.effects, step.to], [[], step.from]);
});

property('the exit code is 0 only if nothing was aborted and the hooks ended well', (steps) => {
  const last = steps.at(-1)?.to;
  if (last?.phase !== 'exited' || last.code !== 0) return;
  assert.deepEqual(last.aborted, []);
  const end = steps.find((step) => step.from.phase === 'stopping' && step.to.phase === 'exited');
  if (end !== undefined) assert.deepEqual(end.event, { type: 'shutdownEnded', isClean: true });
});

function hasExpired(steps: readonly Step[], timer: DrainTimer): boolean {
  return steps.some(({ event }) => event.type === 'timerExpired' && event.timer === timer);
}

property('each phase of the way out has a timer that ends it', (steps) => {
  const started = new Set<string>();
  const needed: Record<string, readonly DrainTimer[]> = {
    lameDuck: ['lameDuck'],
    draining: ['grace'],
    stopping: ['grace', 'shutdown'],
  };
  for (const { effects, to, event } of steps) {
    if (event.type === 'timerExpired') started.delete(event.timer);
    for (const effect of effects) if (effect.type === 'startTimer') started.add(effect.timer);
    const timers = needed[to.phase] ?? [];
    // A timer that fires in a phase that does not know it cannot have been running in that phase.
    const hasFired = timers.some((timer) => hasExpired(steps, timer));
    if (timers.length > 0 && !hasFired)
      assert.ok(
        timers.some((timer) => started.has(timer)),
        `${to.phase} without ${timers}`,
      );
  }
});

property('the linger time never grows', (steps) => {
  let least = Number.POSITIVE_INFINITY;
  for (const effect of effectsOf(steps)) {
    if (effect.type !== 'closeIdle' && effect.type !== 'closeSettled') continue;
    assert.ok(effect.lingerMs <= least);
    least = effect.lingerMs;
  }
});

property(
  'connections are handed over only between start and end, and not after a quit or a refusal',
  (steps) => {
    let isOn = false;
    for (const { from, effects, event, to } of steps) {
      for (const { type } of effects) {
        if (type === 'startHandOff')
          assert.ok(!isOn && event.type !== 'quit', 'started twice, or in a quick stop');
        if (type === 'endHandOff') assert.ok(isOn, 'ended before it began');
        if (type === 'startHandOff' || type === 'endHandOff') isOn = type === 'startHandOff';
        // The answers are marked, or not, by then.
        if (type === 'announceDrain')
          assert.equal(isOn, from.phase === 'serving' && from.budgets.handOff && event.type === 'terminate');
      }
      if (to.phase === 'draining') assert.equal(isOn, to.budgets.handOff);
      if (event.type === 'handOffRefused' && to.phase === 'draining') assert.ok(!isOn);
    }
  },
);

property('every timer started has a length from the budgets', (steps, start) => {
  const lameDuck = Math.max(start.lameDuckMs, Math.min(bounceMs, start.graceMs));
  const longest = { lameDuck, sweep: 50, grace: Math.max(start.graceMs, start.quickMs) };
  const most = { ...longest, session: start.sessionMs, shutdown: Math.max(start.shutdownMs, start.quickMs) };
  for (const effect of effectsOf(steps)) {
    if (effect.type === 'startTimer') assert.ok(effect.ms <= most[effect.timer]);
  }
});

property(
  'nothing is bounced before the drain is announced, and a quick stop never begins with it',
  (steps) => {
    const types = effectsOf(steps).map((effect) => effect.type);
    const bounce = types.indexOf('startBouncing');
    if (bounce >= 0) assert.ok(types.slice(0, bounce).includes('announceDrain'));
    for (const { effects, event } of steps)
      if (effects.some((effect) => effect.type === 'startBouncing')) assert.equal(event.type, 'bounce');
  },
);

test('who bounces accepts until released, or until its time is over; a second SIGTERM changes nothing', () => {
  const steps = run([{ type: 'ready' }, { type: 'bounce', ms: 900 }, { type: 'terminate' }], budgets);
  assert.deepEqual(steps[1]?.effects, [
    { type: 'announceDrain' },
    { type: 'startTimer', timer: 'grace', ms: 30_000 },
    { type: 'startBouncing' },
    { type: 'startTimer', timer: 'lameDuck', ms: 900 },
  ]);
  const bouncing = steps.at(-1)?.to ?? assert.fail();
  assert.equal(bouncing.phase, 'lameDuck');
  for (const event of [{ type: 'released' }, { type: 'timerExpired', timer: 'lameDuck' }] as const) {
    const { state, effects } = stepDrain(bouncing, event);
    assert.equal(state.phase, 'draining');
    assert.equal(effects[0]?.type, 'stopAccepting');
    assert.ok(effects.some((effect) => effect.type === 'closeIdle' && effect.lingerMs === 3000));
  }
});

test('a worker that drains already bounces too when it is told', () => {
  const steps = run([{ type: 'ready' }, { type: 'terminate' }, { type: 'bounce', ms: 900 }], budgets);
  assert.deepEqual(steps.at(-1)?.effects, [{ type: 'startBouncing' }]);
});

test('a drain without anything left goes from serving to exit 0', () => {
  const steps = run(
    [{ type: 'ready' }, { type: 'terminate' }, { type: 'emptied' }, { type: 'shutdownEnded', isClean: true }],
    budgets,
  );
  assert.deepEqual(
    steps.map((step) => step.to.phase),
    ['serving', 'draining', 'stopping', 'exited'],
  );
  assert.deepEqual(effectsOf(steps).at(-1), { type: 'exit', code: 0, aborted: [] });
});

test('a lame duck still accepts until its time has passed', () => {
  const steps = run([{ type: 'ready' }, { type: 'terminate' }, { type: 'emptied' }], {
    ...budgets,
    lameDuckMs: 5000,
  });
  assert.equal(steps.at(-1)?.to.phase, 'lameDuck');
  assert.ok(!effectsOf(steps).some((effect) => effect.type === 'stopAccepting'));
  const next = stepDrain(steps.at(-1)?.to ?? assert.fail(), { type: 'timerExpired', timer: 'lameDuck' });
  assert.equal(next.state.phase, 'draining');
  assert.equal(next.effects[0]?.type, 'stopAccepting');
});

test('a second SIGTERM changes nothing, a SIGINT shortens the grace period and ends the linger time', () => {
  const [, , twice, quick] = run(
    [{ type: 'ready' }, { type: 'terminate' }, { type: 'terminate' }, { type: 'quit' }],
    budgets,
  );
  assert.deepEqual(twice?.effects, []);
  assert.deepEqual(quick?.effects, [
    { type: 'startTimer', timer: 'grace', ms: 1333 },
    { type: 'closeIdle', lingerMs: 0, headerMs: 5000 },
  ]);
});

test('shutdown hooks have what is left of the grace period, then their own budget; when they are cut it is told', () => {
  const begun = run([{ type: 'ready' }, { type: 'terminate' }, { type: 'emptied' }], budgets).at(-1);
  assert.deepEqual(begun?.effects, [{ type: 'runShutdown', aborted: [] }]);
  const late = stepDrain(begun?.to ?? assert.fail(), { type: 'timerExpired', timer: 'grace' });
  assert.deepEqual(late.effects, [{ type: 'startTimer', timer: 'shutdown', ms: 3000 }]);
  const cut = stepDrain(late.state, { type: 'timerExpired', timer: 'shutdown' });
  assert.deepEqual(cut.state, { phase: 'exited', code: 5, aborted: [] });
  assert.deepEqual(
    cut.effects.map((effect) => effect.type),
    ['tellShutdownCut', 'exit'],
  );
});

test('R8: aborted requests leave the shutdown hooks their own budget, and end with exit 5', () => {
  const steps = run(
    [
      { type: 'ready' },
      { type: 'terminate' },
      { type: 'timerExpired', timer: 'grace' },
      { type: 'emptied' },
      { type: 'aborted', requests: ['GET /never'] },
      { type: 'shutdownEnded', isClean: true },
    ],
    budgets,
  );
  assert.deepEqual(steps.at(-2)?.effects, [
    { type: 'startTimer', timer: 'shutdown', ms: 3000 },
    { type: 'runShutdown', aborted: ['GET /never'] },
  ]);
  assert.deepEqual(steps.at(-1)?.to, { phase: 'exited', code: 5, aborted: ['GET /never'] });
});

test('a quick stop keeps a third of its time for the shutdown hooks', () => {
  const timers = (history: readonly DrainEvent[]): unknown[] =>
    effectsOf(run([{ type: 'ready' }, ...history], budgets)).flatMap((effect) =>
      effect.type === 'startTimer' && effect.timer !== 'sweep' && effect.timer !== 'session'
        ? [[effect.timer, effect.ms]]
        : [],
    );
  const grace = { type: 'timerExpired', timer: 'grace' } as const;
  const aborted = { type: 'aborted', requests: [] } as const;
  const quick = [
    ['grace', 1333],
    ['shutdown', 667],
  ];
  assert.deepEqual(timers([{ type: 'quit' }, grace, aborted]), quick);
  assert.deepEqual(timers([{ type: 'quit' }, { type: 'emptied' }, grace]), quick);
  const hurried = timers([{ type: 'terminate' }, { type: 'quit' }, grace, aborted]);
  assert.deepEqual(hurried, [['grace', 30_000], ...quick]);
  const late = timers([{ type: 'terminate' }, { type: 'emptied' }, { type: 'quit' }]);
  assert.deepEqual(late, [
    ['grace', 30_000],
    ['shutdown', 2000],
  ]);
});

test('sessions are told when accepting ends, and cut at their own budget; what could not be told counts as aborted', () => {
  const begun = run([{ type: 'ready' }, { type: 'terminate' }], budgets);
  const effects = begun.at(-1)?.effects ?? [];
  const types = effects.map((effect) => effect.type);
  assert.ok(types.indexOf('tellSessions') > types.indexOf('stopAccepting'));
  assert.ok(effects.some((effect) => effect.type === 'startTimer' && effect.timer === 'session'));
  const cut: DrainEvent[] = [
    { type: 'ready' },
    { type: 'terminate' },
    { type: 'timerExpired', timer: 'session' },
    { type: 'sessionsCut', names: ['GET /ws'] },
    { type: 'emptied' },
    { type: 'shutdownEnded', isClean: true },
  ];
  const steps = run(cut, budgets);
  assert.deepEqual(steps[2]?.effects, [{ type: 'cutSessions' }]);
  assert.deepEqual(steps.at(-1)?.to, { phase: 'exited', code: 5, aborted: ['GET /ws'] });
});

test('where siblings go on there is no lame-duck time, also when it has begun', () => {
  const lameDuck = { ...budgets, lameDuckMs: 5000 };
  const before = run([{ type: 'ready' }, { type: 'replaced' }, { type: 'terminate' }], lameDuck);
  assert.equal(before.at(-1)?.to.phase, 'draining');
  const within = run([{ type: 'ready' }, { type: 'terminate' }, { type: 'replaced' }], lameDuck);
  assert.equal(within[1]?.to.phase, 'lameDuck');
  assert.equal(within.at(-1)?.to.phase, 'draining');
});

test('what is left of the grace period bounds a drain that begins later, and one that has begun', () => {
  const graceTimers = (steps: readonly Step[]): number[] =>
    effectsOf(steps).flatMap((effect) =>
      effect.type === 'startTimer' && effect.timer === 'grace' ? [effect.ms] : [],
    );
  const shortened: DrainEvent = { type: 'graceShortened', graceMs: 700 };
  assert.deepEqual(graceTimers(run([{ type: 'ready' }, shortened, { type: 'terminate' }], budgets)), [700]);
  const late = run([{ type: 'ready' }, { type: 'terminate' }, shortened], budgets);
  assert.deepEqual(graceTimers(late), [budgets.graceMs, 700]);
});
