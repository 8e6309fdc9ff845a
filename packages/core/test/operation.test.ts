import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { beginOperation, stepOperation } from '../src/operation.ts';
import type { OperationEffect, OperationEvent, OperationState } from '../src/operation-state.ts';
import type { OperationKind, OperationReport } from '../src/report.ts';
import { limits } from './support.ts';

type Plain = OperationEvent extends infer E ? (E extends unknown ? Omit<E, 'at'> : never) : never;

function play(
  kind: OperationKind,
  events: readonly Plain[],
  more: { readonly patienceMs?: number } = {},
): { effects: OperationEffect[]; state: OperationState } {
  let state = beginOperation({ kind, node: 'a', limits, ...more });
  const effects: OperationEffect[] = [];
  for (const [index, event] of [{ type: 'begun' } as Plain, ...events].entries()) {
    const next = stepOperation(state, { ...event, at: index * 10 } as OperationEvent);
    state = next.state;
    effects.push(...next.effects);
  }
  return { effects, state };
}

function types(effects: readonly OperationEffect[]): string[] {
  return effects
    .filter(({ type }) => type !== 'startTimer' && type !== 'cancelTimer')
    .map(({ type }) => type);
}

function reportOf(effects: readonly OperationEffect[]): OperationReport {
  const finish = effects.find((effect) => effect.type === 'finish');
  assert.ok(finish?.type === 'finish');
  return finish.report;
}

const leave: readonly Plain[] = [
  { type: 'guardPassed' },
  { type: 'removed' },
  { type: 'inFlightChanged', count: 3 },
  { type: 'inFlightChanged', count: 0 },
  { type: 'signalled' },
];
const comeBack: readonly Plain[] = [{ type: 'started' }, { type: 'healthRisen' }, { type: 'restored' }];

describe('stepOperation', () => {
  it('stops a node in the order of the reference procedure', () => {
    const { effects } = play('stop', [...leave, { type: 'exited' }]);
    assert.deepEqual(types(effects), [
      'checkGuard',
      'remove',
      'watchInFlight',
      'terminate',
      'awaitExit',
      'finish',
    ]);
    const report = reportOf(effects);
    assert.equal(report.result, 'exited');
    assert.deepEqual(
      report.phases.map(({ name, ms }) => [name, ms]),
      [
        ['check', 10],
        ['remove', 10],
        ['drain', 20],
        ['terminate', 10],
        ['wait', 10],
      ],
    );
    assert.deepEqual([report.inFlight, report.answered, report.lost], [3, 3, 0]);
  });

  it('restarts: out, ended, started, healthy, back', () => {
    const { effects } = play('restart', [...leave, { type: 'exited' }, ...comeBack]);
    assert.deepEqual(types(effects).slice(-4), ['start', 'awaitHealth', 'restore', 'finish']);
    assert.equal(reportOf(effects).result, 'exited');
  });

  it('touches nothing when the guard refuses', () => {
    const { effects } = play('stop', [{ type: 'guardRefused', reason: 'the last one' }]);
    assert.deepEqual(types(effects), ['checkGuard', 'finish']);
    assert.equal(reportOf(effects).result, 'refused');
    assert.equal(reportOf(effects).reason, 'the last one');
  });

  it('lets a node that leaves in any case wait for its turn', () => {
    const { effects } = play(
      'restart',
      [
        { type: 'guardRefused', reason: 'too few' },
        { type: 'turnCame' },
        { type: 'guardRefused', reason: 'too few' },
        { type: 'turnCame' },
        ...leave,
        { type: 'exited' },
        ...comeBack,
      ],
      { patienceMs: 50 },
    );
    assert.deepEqual(types(effects).slice(0, 6), [
      'checkGuard',
      'awaitTurn',
      'checkGuard',
      'awaitTurn',
      'checkGuard',
      'remove',
    ]);
    const report = reportOf(effects);
    assert.deepEqual([report.result, report.cause, report.overruled], ['exited', 'node', undefined]);
  });

  it('overrules the guard when the patience of such a node is over, and says so', () => {
    const { effects } = play(
      'restart',
      [
        { type: 'guardRefused', reason: 'too few' },
        { type: 'timerExpired', timer: 'patience' },
        { type: 'guardPassed', overruled: 'too few' },
        ...leave.slice(1),
        { type: 'exited' },
        ...comeBack,
      ],
      { patienceMs: 50 },
    );
    assert.deepEqual(types(effects).slice(0, 4), ['checkGuard', 'awaitTurn', 'overruleGuard', 'remove']);
    const patience = effects.find((effect) => effect.type === 'startTimer');
    assert.deepEqual(patience, { type: 'startTimer', timer: 'patience', ms: 50 });
    assert.equal(reportOf(effects).overruled, 'too few');
  });

  it('never signals a node whose removal was not proved', () => {
    const { effects } = play('stop', [
      { type: 'guardPassed' },
      { type: 'failed', code: 'edgeRejected', reason: 'nginx says no' },
      { type: 'signalled' },
    ]);
    assert.deepEqual(types(effects), ['checkGuard', 'remove', 'finish']);
    assert.equal(reportOf(effects).code, 'edgeRejected');
  });

  it('sends SIGTERM at the drain deadline although a request never ends', () => {
    const { effects } = play('stop', [
      { type: 'guardPassed' },
      { type: 'removed' },
      { type: 'inFlightChanged', count: 1 },
      { type: 'timerExpired', timer: 'drain' },
    ]);
    assert.equal(types(effects).at(-1), 'terminate');
  });

  it('R24: kills only after grace and margin, never earlier, and counts what was cut as lost', () => {
    const { effects } = play('stop', [
      { type: 'guardPassed' },
      { type: 'removed' },
      { type: 'inFlightChanged', count: 2 },
      { type: 'timerExpired', timer: 'drain' },
      { type: 'signalled' },
      { type: 'inFlightChanged', count: 1 },
      { type: 'timerExpired', timer: 'grace' },
      { type: 'timerExpired', timer: 'kill' },
      { type: 'killed', pids: [7, 8] },
    ]);
    const timers = effects.filter((effect) => effect.type === 'startTimer');
    assert.deepEqual(
      timers.map((timer) => [timer.timer, timer.ms]),
      [
        ['drain', 3000],
        ['grace', 10_000],
        ['kill', 12_000],
      ],
    );
    const report = reportOf(effects);
    assert.deepEqual([report.result, report.inFlight, report.answered, report.lost], ['killed', 2, 1, 1]);
    assert.deepEqual(report.killed, [7, 8]);
  });

  it('ends a start whose node dies with the reason', () => {
    const { effects } = play('start', [
      { type: 'started' },
      { type: 'failed', code: 'startFailed', reason: 'boom' },
    ]);
    assert.deepEqual(types(effects), ['start', 'awaitHealth', 'finish']);
    assert.deepEqual([reportOf(effects).result, reportOf(effects).reason], ['failed', 'boom']);
  });

  it('gives up a node that does not become healthy in time, without putting it into rotation', () => {
    const { effects } = play('start', [{ type: 'started' }, { type: 'timerExpired', timer: 'startup' }]);
    assert.ok(!types(effects).includes('restore'));
    assert.match(reportOf(effects).reason ?? '', /is not healthy 5000 ms after its start/);
  });

  it('drains without a signal', () => {
    const { effects } = play('drain', [
      { type: 'guardPassed' },
      { type: 'removed' },
      { type: 'inFlightChanged', count: 0 },
    ]);
    assert.deepEqual(types(effects), ['checkGuard', 'remove', 'watchInFlight', 'finish']);
    assert.equal(reportOf(effects).result, 'drained');
  });
});

const anyEvent: fc.Arbitrary<Plain> = fc.oneof(
  fc.constantFrom<Plain>(
    { type: 'begun' },
    { type: 'guardPassed' },
    { type: 'removed' },
    { type: 'signalled' },
    { type: 'exited' },
    { type: 'started' },
    { type: 'healthRisen' },
    { type: 'restored' },
    { type: 'guardRefused', reason: 'no' },
    { type: 'turnCame' },
    { type: 'killed', pids: [1] },
    { type: 'failed', code: 'internal', reason: 'x' },
  ),
  fc.nat(4).map((count): Plain => ({ type: 'inFlightChanged', count })),
  fc
    .constantFrom(
      'patience' as const,
      'drain' as const,
      'grace' as const,
      'kill' as const,
      'startup' as const,
    )
    .map((timer): Plain => ({ type: 'timerExpired', timer })),
);
const anyKind = fc.constantFrom<OperationKind>('drain', 'ready', 'stop', 'start', 'restart');

describe('stepOperation over random histories', () => {
  it('asks for SIGTERM only after the removal was proved, kills only after its timer, restores only after health', () => {
    fc.assert(
      fc.property(anyKind, fc.array(anyEvent, { maxLength: 40 }), (kind, events) => {
        let state: OperationState = beginOperation({ kind, node: 'a', limits });
        const seen = new Set<string>();
        for (const event of [{ type: 'begun' } as Plain, ...events]) {
          const before = state.phase;
          const next = stepOperation(state, { ...event, at: 0 } as OperationEvent);
          state = next.state;
          // an event counts only in the phase that waits for it
          if (before !== state.phase) seen.add(`${before}:${event.type}`);
          for (const effect of next.effects) {
            if (effect.type === 'terminate') assert.ok(seen.has('remove:removed'));
            if (effect.type === 'kill')
              assert.ok(event.type === 'timerExpired' && event.timer === 'kill' && before === 'wait');
            if (effect.type === 'restore') assert.ok(event.type === 'healthRisen' && before === 'health');
          }
        }
      }),
    );
  });

  it('finishes at most once and asks for nothing after it', () => {
    fc.assert(
      fc.property(anyKind, fc.array(anyEvent, { maxLength: 60 }), (kind, events) => {
        const { effects } = play(kind, events);
        const finishes = effects.filter(({ type }) => type === 'finish').length;
        assert.ok(finishes <= 1);
        if (finishes === 1) assert.equal(effects.at(-1)?.type, 'finish');
      }),
    );
  });

  it('never reports more answered or lost than were in flight', () => {
    fc.assert(
      fc.property(anyKind, fc.array(anyEvent, { maxLength: 60 }), (kind, events) => {
        const finish = play(kind, events).effects.find((effect) => effect.type === 'finish');
        if (finish?.type !== 'finish') return;
        const { inFlight, answered, lost } = finish.report;
        assert.ok(answered >= 0 && lost >= 0 && answered + lost <= inFlight);
      }),
    );
  });
});
