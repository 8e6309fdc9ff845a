import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { OperationReport, OperationResult, RolloutReport } from '../src/report.ts';
import { beginRollout, type RolloutEffect, stepRollout } from '../src/rollout.ts';

function reportFor(node: string, result: OperationResult): OperationReport {
  return {
    operation: 'restart',
    node,
    result,
    phases: [],
    inFlight: 0,
    answered: 0,
    lost: 0,
    killed: [],
    ms: 1,
  };
}

/** Runs a rollout in which the nodes end in the order and with the results given. */
function run(
  count: number,
  batch: number,
  failing: ReadonlySet<string>,
): { report: RolloutReport; most: number } {
  const nodes = Array.from({ length: count }, (_, index) => `n${index}`);
  let state = beginRollout(nodes, batch);
  let report: RolloutReport | undefined;
  let most = 0;
  const queue: RolloutEffect[] = [];
  const apply = (next: ReturnType<typeof stepRollout>): void => {
    state = next.state;
    most = Math.max(most, state.running.length);
    queue.push(...next.effects);
  };
  apply(stepRollout(state, { type: 'begun', at: 0 }));
  for (let effect = queue.shift(); effect !== undefined; effect = queue.shift()) {
    if (effect.type === 'finish') report = effect.report;
    else {
      const result = failing.has(effect.node) ? 'failed' : 'exited';
      apply(stepRollout(state, { type: 'nodeFinished', at: 1, report: reportFor(effect.node, result) }));
    }
  }
  assert.ok(report);
  return { report, most };
}

describe('stepRollout', () => {
  it('restarts every node once, never more than a batch at a time', () => {
    const { report, most } = run(5, 2, new Set());
    assert.equal(report.result, 'done');
    assert.deepEqual(
      report.nodes.map(({ node }) => node),
      ['n0', 'n1', 'n2', 'n3', 'n4'],
    );
    assert.equal(most, 2);
  });

  it('stops at the first node that does not come back and leaves the rest alone', () => {
    const { report } = run(4, 1, new Set(['n1']));
    assert.equal(report.result, 'aborted');
    assert.deepEqual(report.untouched, ['n2', 'n3']);
  });

  it('reports every node or leaves it untouched, exactly once, whatever fails', () => {
    fc.assert(
      fc.property(fc.nat(12), fc.integer({ min: 1, max: 5 }), fc.array(fc.nat(11)), (count, batch, bad) => {
        const { report, most } = run(count, batch, new Set(bad.map((index) => `n${index}`)));
        const all = [...report.nodes.map(({ node }) => node), ...report.untouched];
        assert.equal(new Set(all).size, count);
        assert.equal(all.length, count);
        assert.ok(most <= batch);
      }),
    );
  });
});
