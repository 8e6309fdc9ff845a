import type { CanaryJudgement } from './canary.ts';
import type { CanaryReport, OperationReport, RolloutReport } from './report.ts';
import {
  canariesOf,
  type NextRollout,
  type RolloutEffect,
  type RolloutEvent,
  type RolloutPlan,
  type RolloutState,
} from './rollout-state.ts';

/*
 * A rollout: the restart operation over many nodes, a batch at a time, some of them first.
 *
 *   idle > [canary > soaking >] batches > done
 *             │         │          └ a node failed, abort: what runs ends, the rest stays untouched > done
 *             └─────────┴ failed, abort: > reverting > done
 *
 * A pause lets what runs end, and begins nothing; a canary is judged meanwhile. A soak that ends without enough to
 * judge by pauses too: a resume says that a person has judged.
 *
 * What an operator has taken out when its turn comes is skipped; of the canaries, the next node takes its place.
 *
 * Invariants (property tests): never more than `batch` operations at once; nothing new begins while it is paused, and no
 * node after a failure or an abort; while canaries run or soak no other node does; every node is either reported,
 * skipped or untouched, once; a canary is rolled back at most once, and only one that was deployed; the end is told once.
 */

/** `skipped`: nodes that are out on purpose already. */
export function beginRollout(plan: RolloutPlan, skipped: readonly string[] = []): RolloutState {
  return {
    phase: 'idle',
    plan,
    pending: plan.nodes,
    running: [],
    skipped,
    reports: [],
    isPaused: false,
    isSoakOver: false,
    toRevert: [],
    reverted: [],
    beganAt: 0,
  };
}

export function stepRollout(state: RolloutState, event: RolloutEvent): NextRollout {
  switch (event.type) {
    case 'begun':
      return state.phase === 'idle' ? begin({ ...state, beganAt: event.at }, event.at) : stay(state);
    case 'takenUp':
      return takeUp(state, event.at);
    case 'nodeFinished':
      return noteReport(state, event.report, event.at);
    case 'nodeSkipped':
      return skip(state, event.node, event.at);
    case 'judged':
    case 'soakEnded':
      return state.phase === 'soaking' ? judge(state, event) : stay(state);
    case 'pauseAsked':
      return isStoppable(state) ? stay({ ...state, isPaused: true, pauseReason: event.reason }) : stay(state);
    case 'resumeAsked':
      return state.isPaused && isStoppable(state) ? resume(state, event.at) : stay(state);
    case 'abortAsked':
      return isStoppable(state) ? abort(state, event.reason, event.at) : stay(state);
  }
}

/** It still has something to begin, so that a pause or an abort means something. */
export function isStoppable({ phase, trouble }: RolloutState): boolean {
  return trouble === undefined && (phase === 'canary' || phase === 'soaking' || phase === 'batches');
}

function stay(state: RolloutState): NextRollout {
  return { state, effects: [] };
}

function begin(state: RolloutState, at: number): NextRollout {
  const phase = state.plan.canary > 0 ? 'canary' : 'batches';
  return goOn({ ...state, phase }, at);
}

/** Nothing runs any more: a soak begins anew, as what was seen before is not known. */
function takeUp(state: RolloutState, at: number): NextRollout {
  if (state.running.length > 0 || state.phase === 'done') return stay(state);
  const next = { ...state, beganAt: at };
  if (state.phase === 'soaking') return soak({ ...next, isSoakOver: false });
  return goOn(next, at);
}

function noteReport(state: RolloutState, report: OperationReport, at: number): NextRollout {
  if (!state.running.includes(report.node)) return stay(state);
  const running = state.running.filter((name) => name !== report.node);
  if (state.phase === 'reverting')
    return goOn({ ...state, running, reverted: [...state.reverted, report] }, at);
  const trouble = state.trouble ?? troubleOf(report);
  const reports = [...state.reports, report];
  return goOn({ ...state, running, reports, ...(trouble === undefined ? {} : { trouble }) }, at);
}

function skip(state: RolloutState, node: string, at: number): NextRollout {
  if (!state.running.includes(node) || state.phase === 'reverting') return stay(state);
  const running = state.running.filter((name) => name !== node);
  return goOn({ ...state, running, skipped: [...state.skipped, node] }, at);
}

function troubleOf({ result, node, code, reason }: OperationReport): RolloutState['trouble'] {
  if (result !== 'failed' && result !== 'refused') return undefined;
  return { code: code ?? 'internal', reason: reason ?? `node "${node}" ${result}` };
}

/** What comes next once nothing runs. */
function goOn(state: RolloutState, at: number): NextRollout {
  if (state.running.length > 0) return stay(state);
  if (state.phase === 'reverting') return revertNext(state, at);
  if (state.trouble !== undefined) return giveUp(state, at);
  const isCanary = state.phase === 'canary';
  const { pending, plan, reports } = state;
  const left = isCanary ? Math.min(plan.canary - reports.length, pending.length) : pending.length;
  if (left > 0) return state.isPaused ? stay(state) : nextBatch(state, left);
  if (!isCanary) return finish(state, at);
  return plan.soakMs > 0 && reports.length > 0 ? soak(state) : goOn({ ...state, phase: 'batches' }, at);
}

function nextBatch(state: RolloutState, left: number): NextRollout {
  const size = Math.min(state.plan.batch, left);
  const running = state.pending.slice(0, size);
  return {
    state: { ...state, running, pending: state.pending.slice(size) },
    effects: running.map((node) => ({ type: 'restart', node })),
  };
}

function soak(state: RolloutState): NextRollout {
  const nodes = canariesOf(state);
  return { state: { ...state, phase: 'soaking' }, effects: [{ type: 'soak', nodes, ms: state.plan.soakMs }] };
}

function judge(
  state: RolloutState,
  event: { readonly type: 'judged' | 'soakEnded'; readonly at: number; readonly judgement: CanaryJudgement },
): NextRollout {
  const { judgement, at, type } = event;
  const next = { ...state, judgement };
  if (judgement.verdict === 'failed') {
    const reason = `the canary failed: ${judgement.reason ?? 'a criterion was not met'}`;
    return giveUp({ ...next, trouble: { code: 'canaryFailed', reason } }, at);
  }
  if (type === 'judged') return stay(next);
  const over = { ...next, isSoakOver: true };
  if (judgement.verdict === 'passed') return over.isPaused ? stay(over) : promote(over, at);
  const unsure = `cannot judge the canary: ${judgement.reason ?? ''}`;
  return stay({ ...over, isPaused: true, pauseReason: state.pauseReason ?? unsure });
}

function promote(state: RolloutState, at: number): NextRollout {
  const next = goOn({ ...state, phase: 'batches' }, at);
  return { state: next.state, effects: [{ type: 'stopSoak' }, ...next.effects] };
}

function resume(state: RolloutState, at: number): NextRollout {
  const { pauseReason: _, ...rest } = state;
  const next = { ...rest, isPaused: false };
  if (state.phase === 'soaking') return state.isSoakOver ? promote(next, at) : stay(next);
  return goOn(next, at);
}

function abort(state: RolloutState, reason: string, at: number): NextRollout {
  return goOnAborted({ ...state, trouble: { code: 'aborted', reason } }, at);
}

function goOnAborted(state: RolloutState, at: number): NextRollout {
  return state.running.length > 0 ? stay(state) : giveUp(state, at);
}

/** Nothing runs, and nothing new begins: canaries that serve the new version are rolled back where that can be done. */
function giveUp(state: RolloutState, at: number): NextRollout {
  const stop: readonly RolloutEffect[] = state.phase === 'soaking' ? [{ type: 'stopSoak' }] : [];
  if (state.phase === 'batches') return finish(state, at);
  const deployed = state.reports.filter((report) => troubleOf(report) === undefined).map(({ node }) => node);
  const toRevert = deployed.filter((node) => state.plan.revertible.includes(node));
  const next = revertNext({ ...state, phase: 'reverting', toRevert }, at);
  return { state: next.state, effects: [...stop, ...next.effects] };
}

function revertNext(state: RolloutState, at: number): NextRollout {
  const [node, ...rest] = state.toRevert;
  if (node === undefined) return finish(state, at);
  return { state: { ...state, toRevert: rest, running: [node] }, effects: [{ type: 'revert', node }] };
}

function finish(state: RolloutState, at: number): NextRollout {
  const report: RolloutReport = {
    operation: 'rollout',
    result: state.trouble === undefined ? 'done' : 'aborted',
    nodes: state.reports,
    untouched: [...state.skipped, ...state.pending],
    ...(state.skipped.length === 0 ? {} : { skipped: state.skipped }),
    ...(canariesOf(state).length === 0 ? {} : { canary: canaryReport(state) }),
    ms: Math.round(at - state.beganAt),
    ...(state.trouble ?? {}),
  };
  return { state: { ...state, phase: 'done', isPaused: false }, effects: [{ type: 'finish', report }] };
}

function canaryReport(state: RolloutState): CanaryReport {
  return {
    nodes: canariesOf(state),
    soakMs: state.plan.soakMs,
    verdict: canaryVerdict(state),
    criteria: state.judgement?.criteria ?? [],
    reverted: state.reverted,
  };
}

function canaryVerdict(state: RolloutState): CanaryReport['verdict'] {
  const { plan, judgement, trouble, phase } = state;
  const hasFailed = state.reports.slice(0, plan.canary).some((report) => troubleOf(report) !== undefined);
  if (hasFailed || judgement?.verdict === 'failed') return 'failed';
  if (phase === 'batches' || trouble === undefined)
    return judgement?.verdict === 'unsure' ? 'overruled' : 'passed';
  return 'unfinished';
}
