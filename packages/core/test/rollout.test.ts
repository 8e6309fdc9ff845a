import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { CanaryJudgement } from '../src/canary.ts';
import type { OperationReport, OperationResult, RolloutReport } from '../src/report.ts';
import { beginRollout, stepRollout } from '../src/rollout.ts';
import {
  canariesOf,
  isResumable,
  type RolloutEvent,
  type RolloutPlan,
  type RolloutState,
} from '../src/rollout-state.ts';
import { rolloutStatus } from '../src/rollout-status.ts';

type Plain = RolloutEvent extends infer E ? (E extends unknown ? Omit<E, 'at'> : never) : never;

const success = { maxErrorRate: 0.01, maxP99Ratio: 2, minRequests: 10, isDemanded: false };

function planOf(count: number, more: Partial<RolloutPlan> = {}): RolloutPlan {
  const nodes = Array.from({ length: count }, (_, index) => `n${index}`);
  return { nodes, batch: 1, canary: 0, soakMs: 0, success, revertible: nodes, ...more };
}

function reportFor(node: string, result: OperationResult = 'exited'): OperationReport {
  const base = { phases: [], inFlight: 0, answered: 0, lost: 0, killed: [], ms: 1 };
  return { operation: 'restart', node, result, ...base };
}

function judgement(verdict: CanaryJudgement['verdict']): CanaryJudgement {
  return { verdict, criteria: [], ...(verdict === 'failed' ? { reason: 'too many errors' } : {}) };
}

/** A rollout that is moved by hand: what it asked for, and what it said at its end. */
class Played {
  state: RolloutState;
  readonly asked: string[] = [];
  readonly ends: RolloutReport[] = [];

  constructor(plan: RolloutPlan) {
    this.state = beginRollout(plan);
    this.send({ type: 'begun' });
  }

  send(...events: readonly Plain[]): this {
    for (const event of events) {
      const next = stepRollout(this.state, { ...event, at: 1 } as RolloutEvent);
      this.state = next.state;
      for (const effect of next.effects) {
        if (effect.type === 'finish') this.ends.push(effect.report);
        else this.asked.push('node' in effect ? `${effect.type} ${effect.node}` : effect.type);
      }
    }
    return this;
  }

  finish(result?: OperationResult): this {
    const [node] = this.state.running;
    assert.ok(node, 'nothing runs');
    return this.send({ type: 'nodeFinished', report: reportFor(node, result) });
  }

  get report(): RolloutReport {
    const [report] = this.ends;
    assert.ok(report, `no end: ${JSON.stringify(this.state)}`);
    return report;
  }
}

const soaking: Partial<RolloutPlan> = { canary: 1, soakMs: 1000 };

describe('stepRollout', () => {
  it('restarts every node once, never more than a batch at a time', () => {
    const played = new Played(planOf(3, { batch: 2 }));
    assert.deepEqual(played.asked, ['restart n0', 'restart n1']);
    played.finish().finish();
    assert.deepEqual(played.asked.slice(2), ['restart n2']);
    played.finish();
    assert.equal(played.report.result, 'done');
    assert.equal(played.report.canary, undefined);
  });

  it('stops at the first node that does not come back and leaves the rest alone', () => {
    const played = new Played(planOf(4)).finish().finish('failed');
    assert.equal(played.report.result, 'aborted');
    assert.deepEqual(played.report.untouched, ['n2', 'n3']);
  });

  it('lets the others follow a canary that has passed', () => {
    const played = new Played(planOf(2, soaking)).finish();
    assert.deepEqual(played.asked, ['restart n0', 'soak']);
    played.send({ type: 'judged', judgement: judgement('pending') });
    assert.equal(played.asked.length, 2);
    played.send({ type: 'soakEnded', judgement: judgement('passed') }).finish();
    assert.deepEqual(played.asked.slice(2), ['stopSoak', 'restart n1']);
    assert.equal(played.report.canary?.verdict, 'passed');
  });

  it('rolls back a canary that fails in its soak, and touches no other node', () => {
    const played = new Played(planOf(3, soaking)).finish();
    played.send({ type: 'judged', judgement: judgement('failed') });
    assert.deepEqual(played.asked, ['restart n0', 'soak', 'stopSoak', 'revert n0']);
    played.finish();
    const { result, code, untouched, canary } = played.report;
    assert.deepEqual([result, code, untouched], ['aborted', 'canaryFailed', ['n1', 'n2']]);
    assert.deepEqual([canary?.verdict, canary?.reverted.length], ['failed', 1]);
  });

  it('leaves a failed canary as it is where there is no way back', () => {
    const played = new Played(planOf(2, { ...soaking, revertible: [] })).finish();
    played.send({ type: 'judged', judgement: judgement('failed') });
    assert.deepEqual(played.report.canary?.reverted, []);
    assert.deepEqual(played.report.untouched, ['n1']);
  });

  it('pauses where the soak ends without enough to judge by, and goes on when a person says so', () => {
    const played = new Played(planOf(2, soaking)).finish();
    played.send({ type: 'soakEnded', judgement: judgement('unsure') });
    const facts = { id: 1, beganAt: '', takenOut: [] };
    assert.equal(rolloutStatus(played.state, facts).state, 'paused');
    assert.match(rolloutStatus(played.state, facts).reason ?? '', /cannot judge the canary/);
    played.send({ type: 'resumeAsked' }).finish();
    assert.equal(played.report.canary?.verdict, 'overruled');
  });

  it('begins nothing while it is paused, and judges a canary on', () => {
    const played = new Played(planOf(3)).send({ type: 'pauseAsked', reason: 'lunch' }).finish();
    assert.deepEqual(played.asked, ['restart n0']);
    played.send({ type: 'resumeAsked' });
    assert.deepEqual(played.asked, ['restart n0', 'restart n1']);
    const canary = new Played(planOf(2, soaking)).finish().send({ type: 'pauseAsked', reason: 'lunch' });
    canary.send({ type: 'soakEnded', judgement: judgement('passed') });
    assert.deepEqual(canary.asked, ['restart n0', 'soak']);
    canary.send({ type: 'judged', judgement: judgement('failed') });
    assert.equal(canary.asked.at(-1), 'revert n0');
  });

  it('aborts: what runs ends, a canary goes back, the rest is left alone', () => {
    const running = new Played(planOf(3, { batch: 2 })).send({ type: 'abortAsked', reason: 'no' });
    assert.deepEqual(running.ends, []);
    running.finish().finish();
    assert.deepEqual([running.report.code, running.report.untouched], ['aborted', ['n2']]);
    const canary = new Played(planOf(2, soaking)).finish().send({ type: 'abortAsked', reason: 'no' });
    assert.equal(canary.asked.at(-1), 'revert n0');
    canary.finish();
    assert.equal(canary.report.canary?.verdict, 'unfinished');
  });

  it('skips what an operator has taken out when it is its turn, and says so', () => {
    const played = new Played(planOf(3)).finish().send({ type: 'nodeSkipped', node: 'n1' });
    assert.deepEqual(played.asked, ['restart n0', 'restart n1', 'restart n2']);
    const { skipped } = rolloutStatus(played.state, { id: 1, beganAt: '', takenOut: [] });
    assert.deepEqual(skipped, ['n1']);
    played.finish();
    const { result, untouched, skipped: told } = played.report;
    assert.deepEqual([result, untouched, told], ['done', ['n1'], ['n1']]);
  });

  it('shows a node that waits and is out on purpose as one that would be left out', () => {
    const { state } = new Played(planOf(3)).send({ type: 'pauseAsked', reason: 'lunch' }).finish();
    const status = rolloutStatus(state, { id: 1, beganAt: '', takenOut: ['n2', 'n0'] });
    assert.deepEqual([status.pending, status.skipped], [['n1'], ['n2']]);
  });

  it('lets the next node be the canary in the place of one that is skipped', () => {
    const played = new Played(planOf(3, soaking)).send({ type: 'nodeSkipped', node: 'n0' }).finish();
    assert.deepEqual(played.asked, ['restart n0', 'restart n1', 'soak']);
    played.send({ type: 'soakEnded', judgement: judgement('passed') }).finish();
    assert.deepEqual(played.report.canary?.nodes, ['n1']);
    const none = new Played(planOf(1, soaking)).send({ type: 'nodeSkipped', node: 'n0' });
    assert.deepEqual(
      [none.report.result, none.report.canary, none.report.skipped],
      ['done', undefined, ['n0']],
    );
  });

  it('is taken up by another controller: a soak begins anew, a pause stays a pause', () => {
    const soak = new Played(planOf(2, soaking)).finish();
    const kept = JSON.parse(JSON.stringify(soak.state)) as RolloutState;
    assert.ok(isResumable(kept));
    assert.deepEqual(stepRollout(kept, { type: 'takenUp', at: 5 }).effects, [
      { type: 'soak', nodes: ['n0'], ms: 1000 },
    ]);
    const paused = new Played(planOf(2)).send({ type: 'pauseAsked', reason: 'lunch' }).finish();
    const next = stepRollout(paused.state, { type: 'takenUp', at: 5 });
    assert.deepEqual(next.effects, []);
    assert.deepEqual(stepRollout(next.state, { type: 'resumeAsked', at: 6 }).effects, [
      { type: 'restart', node: 'n1' },
    ]);
    assert.ok(!isResumable(new Played(planOf(2)).state), 'a node is under way');
  });
});

/** What a world may do to a rollout: ends of operations, judgements, operators. */
const happenings = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom('ends', 'ends', 'ends', 'fails', 'skips') },
    fc.constantFrom('pause', 'resume', 'resume', 'abort'),
    fc.constantFrom('judged pending', 'judged failed', 'over passed', 'over unsure', 'over failed'),
  ),
  { maxLength: 60 },
);

function happen(played: Played, what: string, pick: number): void {
  const [word, verdict] = what.split(' ') as [string, CanaryJudgement['verdict']];
  const { running } = played.state;
  if (word === 'pause') played.send({ type: 'pauseAsked', reason: 'pause' });
  else if (word === 'resume') played.send({ type: 'resumeAsked' });
  else if (word === 'abort') played.send({ type: 'abortAsked', reason: 'abort' });
  else if (word === 'judged') played.send({ type: 'judged', judgement: judgement(verdict) });
  else if (word === 'over') played.send({ type: 'soakEnded', judgement: judgement(verdict) });
  else if (running.length > 0) {
    const node = running[pick % running.length] ?? '';
    if (word === 'skips') played.send({ type: 'nodeSkipped', node });
    else
      played.send({ type: 'nodeFinished', report: reportFor(node, word === 'fails' ? 'failed' : 'exited') });
  }
}

const plans = fc
  .record({
    count: fc.integer({ min: 1, max: 8 }),
    batch: fc.integer({ min: 1, max: 4 }),
    canary: fc.nat(3),
    soakMs: fc.constantFrom(0, 1000),
    revertible: fc.subarray(['n0', 'n1', 'n2']),
  })
  .map(({ count, canary, ...more }) => planOf(count, { ...more, canary: Math.min(canary, count - 1) }));

/** Everything the machine promises, after each event of a random history. */
function checkStep(before: RolloutState, played: Played, asked: readonly string[]): void {
  const { state, ends } = played;
  const { plan, running } = state;
  const begun = asked.filter((effect) => effect.startsWith('restart'));
  const reverted = asked.filter((effect) => effect.startsWith('revert'));
  assert.ok(running.length <= plan.batch, 'more than a batch at once');
  if (begun.length > 0) {
    assert.ok(!state.isPaused, 'began while paused');
    assert.equal(state.trouble, undefined, 'began after a failure or an abort');
  }
  const canaries = canariesOf(state);
  const others = [...state.reports.map(({ node }) => node), ...running].filter(
    (node) => !canaries.includes(node),
  );
  if (state.phase === 'canary' || state.phase === 'soaking' || state.phase === 'reverting')
    assert.deepEqual(others, [], 'another node than a canary was touched');
  for (const effect of reverted) {
    const node = effect.slice('revert '.length);
    assert.ok(plan.revertible.includes(node) && canaries.includes(node));
    assert.ok(state.reports.some((report) => report.node === node && report.result === 'exited'));
  }
  const all = [...state.pending, ...state.skipped, ...state.reports.map(({ node }) => node)];
  const underWay = state.phase === 'reverting' ? [] : running;
  assert.deepEqual([...all, ...underWay].sort(), [...plan.nodes].sort(), 'each node in one place');
  assert.equal(ends.length, state.phase === 'done' ? 1 : 0);
  if (before.phase === 'done') assert.deepEqual(asked, []);
}

describe('a rollout in a random world', () => {
  it('keeps its promises whatever happens', () => {
    fc.assert(
      fc.property(plans, happenings, fc.array(fc.nat(9), { minLength: 60 }), (plan, history, picks) => {
        const played = new Played(plan);
        checkStep(beginRollout(plan), played, played.asked);
        for (const [index, what] of history.entries()) {
          const before = played.state;
          const known = played.asked.length;
          happen(played, what, picks[index] ?? 0);
          checkStep(before, played, played.asked.slice(known));
        }
        assert.equal(
          new Set(played.asked.filter((effect) => effect.startsWith('re'))).size,
          played.asked.filter((effect) => effect.startsWith('re')).length,
          'nothing twice',
        );
      }),
      { numRuns: 2000 },
    );
  });

  it('comes to its end once everything ends well and nobody keeps it', () => {
    fc.assert(
      fc.property(plans, happenings, (plan, history) => {
        const played = new Played(plan);
        for (const what of history) happen(played, what, 0);
        for (let turn = 0; turn < 60 && played.ends.length === 0; turn += 1) {
          played.send({ type: 'resumeAsked' });
          for (const what of ['ends', 'ends', 'ends', 'ends', 'over passed']) happen(played, what, 0);
        }
        const { nodes, untouched } = played.report;
        assert.equal(nodes.length + untouched.length, plan.nodes.length);
        const isAborted = played.report.result === 'aborted';
        assert.equal(isAborted, played.report.code !== undefined);
      }),
      { numRuns: 1000 },
    );
  });
});
