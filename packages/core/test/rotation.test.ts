import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { EdgeProof } from '../src/report.ts';
import {
  answerOf,
  compareOrders,
  type EdgeAck,
  type EdgeAnswer,
  type EdgeOutcome,
  judgeRemoval,
  judgeReturn,
  judgeRevert,
  type Require,
  type RotationOrder,
  unconverged,
} from '../src/rotation.ts';

const proofOf = (edge: string): EdgeProof => ({ edge, mode: 'gate', ms: 1, generation: 1 });
const problem = { code: 'edgeUnproven', message: 'no proof', details: {} } as const;

function outcomeOf(type: string, edge: string): EdgeOutcome {
  if (type === 'proved') return { type, proof: proofOf(edge) };
  return type === 'down' ? { type, reason: 'it does not run' } : { type: 'failed', problem };
}

function answers(...types: readonly EdgeAnswer['type'][]): readonly EdgeAnswer[] {
  return types.map((type, index) => {
    const edge = `e${index}`;
    return type === 'waiting' ? { edge, type } : { edge, ...outcomeOf(type, edge) };
  });
}

const anyType = fc.constantFrom<EdgeAnswer['type']>('proved', 'down', 'failed', 'waiting');
const anyAnswers = fc.array(anyType, { minLength: 1, maxLength: 9 }).map((types) => answers(...types));
const anyRequire = fc.constantFrom<Require>('all', 'quorum', 'living');
const anyOrder: fc.Arbitrary<RotationOrder> = fc.record({
  isOut: fc.boolean(),
  revision: fc.nat(4),
  unwritten: fc.nat(2),
});

function count(given: readonly EdgeAnswer[], type: EdgeAnswer['type']): number {
  return given.filter((answer) => answer.type === type).length;
}

describe('the verdict on a removal', () => {
  it('is done by `all` only when every edge has proved it', () => {
    assert.equal(judgeRemoval(answers('proved', 'proved', 'proved'), 'all').type, 'done');
    assert.equal(judgeRemoval(answers('proved', 'waiting', 'proved'), 'all').type, 'wait');
    const verdict = judgeRemoval(answers('proved', 'down', 'waiting'), 'all');
    assert.ok(verdict.type === 'failed');
    assert.match(verdict.problem.message, /without edge "e1": every edge must prove .* it does not run/);
  });

  it('is done by `quorum` when more than half have proved it and the others are down', () => {
    const verdict = judgeRemoval(answers('proved', 'down', 'proved'), 'quorum');
    assert.ok(verdict.type === 'done');
    assert.deepEqual(
      verdict.proofs.map(({ edge }) => edge),
      ['e0', 'e2'],
    );
    assert.deepEqual(verdict.unproven, ['e1']);
    assert.equal(judgeRemoval(answers('proved', 'down'), 'quorum').type, 'failed');
    assert.equal(judgeRemoval(answers('proved', 'down', 'waiting'), 'quorum').type, 'wait');
    assert.equal(judgeRemoval(answers('waiting', 'down', 'down'), 'quorum').type, 'failed');
  });

  it('never is done without an edge that may live, by whatever policy', () => {
    fc.assert(
      fc.property(anyAnswers, anyRequire, (given, require) => {
        const verdict = judgeRemoval(given, require);
        if (verdict.type !== 'done') return;
        assert.equal(count(given, 'failed') + count(given, 'waiting'), 0);
        assert.ok(count(given, 'proved') > 0);
        if (require === 'all') assert.equal(count(given, 'down'), 0);
        if (require === 'quorum') assert.ok(count(given, 'proved') > count(given, 'down'));
        assert.equal(verdict.proofs.length + verdict.unproven.length, given.length);
      }),
    );
  });

  it('comes in the end, and never changes once it has come, whatever still answers', () => {
    fc.assert(
      fc.property(anyAnswers, anyRequire, (given, require) => {
        const verdict = judgeRemoval(given, require);
        if (count(given, 'waiting') === 0) assert.notEqual(verdict.type, 'wait');
        if (verdict.type !== 'failed') return;
        for (const late of ['proved', 'down', 'failed'] as const) {
          const later = given.map((answer) =>
            answer.type === 'waiting' ? { edge: answer.edge, ...outcomeOf(late, answer.edge) } : answer,
          );
          assert.equal(judgeRemoval(later, require).type, 'failed');
        }
      }),
    );
  });
});

describe('the verdict on the way back', () => {
  it('waits for every edge, and needs one that has done it', () => {
    assert.equal(judgeReturn(answers('proved', 'waiting')).type, 'wait');
    assert.equal(judgeReturn(answers('proved', 'down')).type, 'done');
    assert.equal(judgeReturn(answers('down', 'down')).type, 'failed');
    assert.equal(judgeReturn(answers('proved', 'failed')).type, 'failed');
  });

  it('of a removal that failed asks nothing of the edge that failed', () => {
    assert.equal(judgeRevert(answers('proved', 'failed', 'down'), 'e1').type, 'done');
    assert.equal(judgeRevert(answers('proved', 'failed', 'waiting'), 'e1').type, 'wait');
    assert.equal(judgeRevert(answers('proved', 'failed', 'down'), 'e0').type, 'failed');
  });
});

describe('an answer', () => {
  it('counts only for its own order or an earlier one of the same wish, and in the life that gave it', () => {
    fc.assert(
      fc.property(anyOrder, anyOrder, fc.nat(2), fc.nat(2), (order, answered, life, lifeNow) => {
        const ack: EdgeAck = { order: answered, life, outcome: outcomeOf('proved', 'e') };
        const answer = answerOf({ edge: 'e', life: lifeNow, ack }, order);
        const isNotOlder =
          answered.revision > order.revision ||
          (answered.revision === order.revision && answered.unwritten >= order.unwritten);
        const counts = life === lifeNow && answered.isOut === order.isOut && isNotOlder;
        assert.equal(answer.type, counts ? 'proved' : 'waiting');
      }),
    );
  });

  it('is none where nobody owns the edge, or nothing was said', () => {
    const order = { isOut: true, revision: 1, unwritten: 0 };
    const ack: EdgeAck = { order, life: 1, outcome: outcomeOf('proved', 'e') };
    assert.equal(answerOf({ edge: 'e', life: undefined, ack }, order).type, 'waiting');
    assert.equal(answerOf({ edge: 'e', life: 1, ack: undefined }, order).type, 'waiting');
  });
});

describe('orders', () => {
  it('are in one line: by revision, then by those that the store did not take', () => {
    fc.assert(
      fc.property(anyOrder, anyOrder, (one, other) => {
        const difference = compareOrders(one, other);
        assert.equal(Math.sign(difference), -Math.sign(compareOrders(other, one)) + 0);
        if (difference === 0)
          assert.deepEqual([one.revision, one.unwritten], [other.revision, other.unwritten]);
      }),
    );
  });

  it('that an edge has not proved, or does not do any more, are to be converged', () => {
    const order = (isOut: boolean, revision: number): RotationOrder => ({ isOut, revision, unwritten: 0 });
    const ack = (of: RotationOrder, type: string): EdgeAck => ({
      order: of,
      life: 1,
      outcome: outcomeOf(type, 'e'),
    });
    const orders = new Map([
      ['proved', order(true, 1)],
      ['older', order(true, 5)],
      ['down', order(true, 1)],
      ['silent', order(true, 1)],
      ['drifted', order(true, 1)],
      ['back', order(false, 2)],
    ]);
    const acks = new Map([
      ['proved', ack(order(true, 1), 'proved')],
      ['older', ack(order(true, 4), 'proved')],
      ['down', ack(order(true, 1), 'down')],
      ['drifted', ack(order(true, 1), 'proved')],
      ['back', ack(order(false, 2), 'proved')],
    ]);
    const out = ['proved', 'older', 'down', 'silent'];
    assert.deepEqual(unconverged(orders, acks, out), ['older', 'down', 'silent', 'drifted']);
    assert.deepEqual(unconverged(new Map(), new Map(), []), []);
  });
});
