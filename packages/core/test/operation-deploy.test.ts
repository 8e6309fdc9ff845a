import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { settlementOf } from '../src/interruption.ts';
import { beginOperation, stepOperation } from '../src/operation.ts';
import { outAfter, wishAfter } from '../src/operation-outcome.ts';
import type { DeploySpec, OperationEffect, OperationEvent, OperationState } from '../src/operation-state.ts';
import type { OperationReport } from '../src/report.ts';
import { limits } from './support.ts';

type Plain = OperationEvent extends infer E ? (E extends unknown ? Omit<E, 'at'> : never) : never;

const both: DeploySpec = { hook: 'beforeStart', canRollBack: true };
const noWayBack: DeploySpec = { hook: 'beforeStart', canRollBack: false };

function play(
  deploy: DeploySpec | undefined,
  events: readonly Plain[],
  more: { readonly isForced?: true } = {},
): { effects: OperationEffect[]; state: OperationState } {
  const base = { kind: 'restart' as const, node: 'a', limits, ...more };
  let state = beginOperation(deploy === undefined ? base : { ...base, deploy });
  const effects: OperationEffect[] = [];
  for (const [index, event] of [{ type: 'begun' } as Plain, ...events].entries()) {
    const next = stepOperation(state, { ...event, at: index } as OperationEvent);
    state = next.state;
    effects.push(...next.effects);
  }
  return { effects, state };
}

const types = (effects: readonly OperationEffect[]): string[] =>
  effects.map(({ type }) => type).filter((type) => type !== 'startTimer' && type !== 'cancelTimer');

function reportOf(effects: readonly OperationEffect[]): OperationReport {
  const finish = effects.find((effect) => effect.type === 'finish');
  assert.ok(finish?.type === 'finish', types(effects).join(' '));
  return finish.report;
}

const ended: readonly Plain[] = [
  { type: 'guardPassed' },
  { type: 'removed' },
  { type: 'inFlightChanged', count: 0 },
  { type: 'signalled' },
  { type: 'exited' },
];
const back: readonly Plain[] = [{ type: 'started' }, { type: 'healthRisen' }, { type: 'restored' }];
const died: Plain = { type: 'failed', code: 'startFailed', reason: 'it died' };
const unhealthy: readonly Plain[] = [{ type: 'started' }, { type: 'timerExpired', timer: 'startup' }];
const rolledBack: Plain = { type: 'rolledBack', killed: [] };

describe('a restart that deploys', () => {
  it('rolls nothing back where nothing of the deployment has run: what is there is started', () => {
    const failed: Plain = { type: 'failed', code: 'hookFailed', reason: 'no such file', isUntouched: true };
    const { effects } = play(both, [...ended, failed, ...back]);
    assert.deepEqual(types(effects).slice(-5), ['deploy', 'start', 'awaitHealth', 'restore', 'finish']);
    const { result, rolledBack: isRolledBack, isBack } = reportOf(effects);
    assert.deepEqual([result, isRolledBack, isBack], ['failed', false, true]);
  });

  it('runs the hook between the end and the start', () => {
    const { effects } = play(both, [...ended, { type: 'deployed' }, ...back]);
    assert.deepEqual(types(effects).slice(-6), [
      'awaitExit',
      'deploy',
      'start',
      'awaitHealth',
      'restore',
      'finish',
    ]);
    const report = reportOf(effects);
    assert.deepEqual([report.result, report.rolledBack], ['exited', undefined]);
    assert.ok(report.phases.some(({ name }) => name === 'deploy'));
  });

  for (const [what, events] of [
    ['whose hook fails', [{ type: 'failed', code: 'hookFailed', reason: 'exit 1' } as Plain]],
    ['that does not start', [{ type: 'deployed' } as Plain, died]],
    ['that dies before it is healthy', [{ type: 'deployed' } as Plain, { type: 'started' } as Plain, died]],
    ['that does not become healthy', [{ type: 'deployed' } as Plain, ...unhealthy]],
  ] as const) {
    it(`rolls back a version ${what}, brings the old one back, and has failed all the same`, () => {
      const { effects } = play(both, [...ended, ...events, rolledBack, ...back]);
      assert.equal(types(effects).filter((type) => type === 'rollBack').length, 1);
      const report = reportOf(effects);
      assert.deepEqual([report.result, report.rolledBack, report.isBack], ['failed', true, true]);
      assert.deepEqual(outAfter(report, ['operation'], true), [], 'it is in rotation');
      assert.equal(wishAfter(report), 'ready');
    });
  }

  it('ends a start that takes too long before it rolls back', () => {
    const events: Plain[] = [{ type: 'deployed' }, { type: 'timerExpired', timer: 'startup' }];
    const { effects } = play(both, [...ended, ...events]);
    assert.equal(types(effects).at(-1), 'abandonStart');
    const after = play(both, [...ended, ...events, died, rolledBack, ...back]);
    assert.equal(reportOf(after.effects).isBack, true);
    const never = play(both, [...ended, ...events, { type: 'timerExpired', timer: 'startup' }]);
    assert.deepEqual([reportOf(never.effects).result, reportOf(never.effects).isBack], ['failed', undefined]);
  });

  it('starts what is there where the hook fails and there is no way back', () => {
    const failed: Plain = { type: 'failed', code: 'hookFailed', reason: 'exit 1' };
    const { effects } = play(noWayBack, [...ended, failed, ...back]);
    const report = reportOf(effects);
    assert.deepEqual(
      [report.result, report.code, report.rolledBack, report.isBack],
      ['failed', 'hookFailed', false, true],
    );
  });

  it('fails where the old version does not come back either, and tells both reasons', () => {
    const { effects } = play(both, [
      ...ended,
      { type: 'deployed' },
      died,
      rolledBack,
      { ...died, reason: 'it died again' },
    ]);
    const report = reportOf(effects);
    assert.deepEqual(
      [report.rolledBack, report.isBack, report.reason],
      [true, undefined, 'it died\nit died again'],
    );
  });

  it('tells a roll back that failed, and starts what is there', () => {
    const bad: Plain = { type: 'rolledBack', killed: [7], trouble: 'no old release' };
    const report = reportOf(play(both, [...ended, { type: 'deployed' }, died, bad, ...back]).effects);
    assert.deepEqual(
      [report.rolledBack, report.isBack, report.reason],
      [false, true, 'it died\nno old release'],
    );
    assert.deepEqual(report.killed, [7]);
  });

  it('does not roll back because its controller ends', () => {
    const stopping: Plain = { type: 'failed', code: 'notRunning', reason: 'stopping' };
    const { effects } = play(both, [...ended, { type: 'deployed' }, stopping]);
    assert.ok(!types(effects).includes('rollBack'));
    assert.equal(reportOf(effects).result, 'failed');
  });

  it('as a roll back runs only that hook', () => {
    const { effects } = play({ hook: 'rollBack', canRollBack: true }, [...ended, rolledBack, ...back]);
    assert.deepEqual(types(effects).slice(-5), ['rollBack', 'start', 'awaitHealth', 'restore', 'finish']);
    assert.deepEqual([reportOf(effects).result, reportOf(effects).rolledBack], ['exited', true]);
  });

  it('is rolled back by the next controller where this one ended in a hook', () => {
    const facts = { process: 'none', isServing: false } as const;
    for (const phase of ['deploy', 'rollBack'] as const) {
      const settlement = settlementOf({ kind: 'restart', node: 'a', phase, hook: 'beforeStart' }, facts);
      assert.deepEqual(settlement, { type: 'resume', at: 'rollBack' });
    }
  });

  it('rolls back at most once, restores only what is healthy and ends once, in any history', () => {
    const anything: fc.Arbitrary<Plain> = fc.constantFrom<Plain>(
      { type: 'deployed' },
      rolledBack,
      { type: 'rolledBack', killed: [], trouble: 'no' },
      { type: 'started' },
      { type: 'healthRisen' },
      { type: 'restored' },
      died,
      { type: 'timerExpired', timer: 'startup' },
      { type: 'failed', code: 'hookFailed', reason: 'exit 1' },
    );
    fc.assert(
      fc.property(
        fc.constantFrom(both, noWayBack, { hook: 'rollBack', canRollBack: true } as const),
        fc.array(anything, { maxLength: 14 }),
        (deploy, history) => {
          const { effects } = play(deploy, [...ended, ...history]);
          const asked = types(effects);
          assert.ok(asked.filter((type) => type === 'rollBack').length <= 1);
          assert.ok(asked.filter((type) => type === 'finish').length <= 1);
          const restore = asked.indexOf('restore');
          if (restore >= 0) assert.ok(asked.slice(0, restore).includes('awaitHealth'));
          if (asked.includes('finish')) assert.equal(asked.indexOf('finish'), asked.length - 1);
        },
      ),
    );
  });
});

describe('an operation that is forced', () => {
  it('overrules the guard and says what that had against it, but waits for every proof', () => {
    const refused: Plain = { type: 'guardRefused', reason: 'the last one' };
    const { effects } = play(undefined, [refused, { type: 'guardPassed', overruled: 'the last one' }], {
      isForced: true,
    });
    assert.deepEqual(types(effects), ['checkGuard', 'overruleGuard', 'remove']);
    const { effects: all } = play(
      undefined,
      [refused, { type: 'guardPassed', overruled: 'the last one' }, ...ended.slice(1), ...back],
      { isForced: true },
    );
    assert.deepEqual([reportOf(all).result, reportOf(all).overruled], ['exited', 'the last one']);
    const unproven: Plain = { type: 'failed', code: 'edgeUnproven', reason: 'no proof' };
    const { effects: none } = play(undefined, [refused, { type: 'guardPassed', overruled: 'x' }, unproven], {
      isForced: true,
    });
    assert.ok(!types(none).includes('terminate'));
    assert.equal(reportOf(none).code, 'edgeUnproven');
  });
});
