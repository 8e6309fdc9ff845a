import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type InterruptedOperation, interruptedReport, settlementOf } from '../src/interruption.ts';
import { beginOperation, stepOperation } from '../src/operation.ts';
import { outAfter, wishAfter } from '../src/operation-outcome.ts';
import {
  type OperationKind,
  type OperationReport,
  operationKinds,
  type PhaseName,
  phaseNames,
} from '../src/report.ts';
import { limits } from './support.ts';

const untouched: readonly PhaseName[] = ['check', 'remove', 'drain'];

const interrupted: fc.Arbitrary<InterruptedOperation> = fc
  .record({
    kind: fc.constantFrom(...operationKinds),
    node: fc.constant('a'),
    phase: fc.constantFrom(...phaseNames),
    cause: fc.option(fc.constant('node' as const), { nil: undefined }),
  })
  .map(({ cause, ...rest }) => (cause === undefined ? rest : { ...rest, cause }));
const facts = fc.record({
  process: fc.constantFrom('same' as const, 'another' as const, 'none' as const),
  isServing: fc.boolean(),
});

function report(changes: Partial<OperationReport>): OperationReport {
  const base = { operation: 'stop', node: 'a', result: 'exited', phases: [], killed: [] } as const;
  return { ...base, inFlight: 0, answered: 0, lost: 0, ms: 1, ...changes };
}

describe('settlementOf', () => {
  it('reverts exactly what had signalled nothing, unless the node leaves by itself', () => {
    fc.assert(
      fc.property(interrupted, facts, (operation, found) => {
        const isReverted = settlementOf(operation, found).type === 'revert';
        assert.equal(isReverted, untouched.includes(operation.phase) && operation.cause !== 'node');
      }),
    );
  });

  it('never signals again a process that was or may have been signalled, and never lets it serve', () => {
    fc.assert(
      fc.property(interrupted, facts, (operation, found) => {
        const settlement = settlementOf(operation, found);
        const wasSignalled =
          operation.phase === 'wait' ||
          operation.phase === 'kill' ||
          (operation.phase === 'terminate' && !found.isServing);
        if (!wasSignalled || found.process !== 'same') return;
        assert.ok(settlement.type === 'resume');
        assert.ok(['wait', 'kill'].includes(settlement.at), settlement.at);
      }),
    );
  });

  it('leaves a process alone that somebody started meanwhile, unless the node is to be stopped', () => {
    const found = { process: 'another', isServing: true } as const;
    const at = (kind: OperationKind) => settlementOf({ kind, node: 'a', phase: 'wait' }, found);
    assert.deepEqual(at('restart'), { type: 'resume', at: 'start' });
    assert.deepEqual(at('stop'), { type: 'resume', at: 'terminate' });
  });
});

describe('an operation that is resumed', () => {
  it('begins where it was, with the deadlines of that phase', () => {
    const first = (resumeAt: 'terminate' | 'wait' | 'kill' | 'start') => {
      const spec = { kind: 'restart', node: 'a', limits, resumeAt } as const;
      return stepOperation(beginOperation(spec), { type: 'begun', at: 0 }).effects.map((effect) =>
        effect.type === 'startTimer' ? effect.timer : effect.type,
      );
    };
    assert.deepEqual(first('terminate'), ['grace', 'terminate']);
    assert.deepEqual(first('wait'), ['kill', 'awaitExit']);
    assert.deepEqual(first('kill'), ['kill']);
    assert.deepEqual(first('start'), ['startup', 'start']);
  });

  it('is told as failed, with the phase in which its controller ended and what came of it', () => {
    const operation = { kind: 'restart', node: 'a', phase: 'wait' } as const;
    const well = interruptedReport(operation, 'resumed', report({ operation: 'restart', lost: 0, ms: 7 }));
    assert.deepEqual(
      [well.result, well.reason, well.ms],
      ['failed', 'the controller ended in phase wait; resumed', 7],
    );
    assert.deepEqual(well.interrupted, { phase: 'wait', settled: 'resumed' });
    const ill = interruptedReport(operation, 'resumed', report({ result: 'failed', reason: 'no database' }));
    assert.equal(ill.reason, 'the controller ended in phase wait; resumed: no database');
  });
});

describe('what is left of an operation', () => {
  const ended = (name: PhaseName) => [{ name, ms: 1 }];

  it('is what the operator wanted, once it has succeeded', () => {
    assert.equal(wishAfter(report({})), 'stopped');
    assert.deepEqual(outAfter(report({}), ['operation'], false), ['stopped']);
    const drained = report({ operation: 'drain', result: 'drained' });
    assert.equal(wishAfter(drained), 'drained');
    assert.deepEqual(outAfter(drained, ['operation'], true), ['operator']);
    assert.deepEqual(outAfter(report({ operation: 'restart' }), ['operation', 'operator'], true), []);
  });

  it('is nothing where it was refused or failed before the node was out', () => {
    for (const changes of [{ result: 'refused' }, { result: 'failed', phases: ended('remove') }] as const) {
      assert.equal(wishAfter(report(changes)), undefined);
      assert.deepEqual(outAfter(report(changes), ['operation', 'operator'], true), ['operator']);
    }
  });

  it('keeps a node that failed later out for its health or as stopped, never for ever', () => {
    const failed = report({ operation: 'restart', result: 'failed', phases: ended('health') });
    assert.equal(wishAfter(failed), 'ready');
    assert.deepEqual(outAfter(failed, ['operation', 'operator'], true), ['health']);
    assert.deepEqual(outAfter(failed, ['operation'], false), ['stopped']);
    const stop = report({ result: 'failed', phases: ended('terminate') });
    assert.equal(wishAfter(stop), undefined, 'a stop that failed leaves the wish as it was');
  });
});
