import type { OperationReport, RolloutReport } from './report.ts';
import type { Transition } from './run-machine.ts';

/*
 * A rollout: the restart operation over many nodes, a batch at a time.
 *
 *   idle > batch running > all of it came back > next batch > … > done
 *                        > one did not: the rest of the batch ends, nodes after it stay untouched > aborted
 *
 * Invariants (property tests): never more than `batch` restarts at once; after a failure nothing new begins;
 * every node is either reported or untouched, once.
 */

export interface RolloutState {
  readonly batch: number;
  readonly pending: readonly string[];
  readonly running: readonly string[];
  readonly reports: readonly OperationReport[];
  readonly beganAt: number;
  readonly isDone: boolean;
}

export type RolloutEvent = { readonly at: number } & (
  | { readonly type: 'begun' }
  | { readonly type: 'nodeFinished'; readonly report: OperationReport }
);

export type RolloutEffect =
  | { readonly type: 'restart'; readonly node: string }
  | { readonly type: 'finish'; readonly report: RolloutReport };

type Next = Transition<RolloutState, RolloutEffect>;

export function beginRollout(nodes: readonly string[], batch: number): RolloutState {
  return { batch, pending: nodes, running: [], reports: [], beganAt: 0, isDone: false };
}

export function stepRollout(state: RolloutState, event: RolloutEvent): Next {
  if (state.isDone) return { state, effects: [] };
  if (event.type === 'begun') return nextBatch({ ...state, beganAt: event.at }, event.at);
  const { node } = event.report;
  if (!state.running.includes(node)) return { state, effects: [] };
  const next = {
    ...state,
    running: state.running.filter((name) => name !== node),
    reports: [...state.reports, event.report],
  };
  if (next.running.length > 0) return { state: next, effects: [] };
  const failure = next.reports.find(hasFailed);
  return failure === undefined ? nextBatch(next, event.at) : finish(next, event.at, failure);
}

function hasFailed(report: OperationReport): boolean {
  return report.result === 'failed' || report.result === 'refused';
}

function nextBatch(state: RolloutState, at: number): Next {
  const running = state.pending.slice(0, state.batch);
  if (running.length === 0) return finish(state, at, undefined);
  return {
    state: { ...state, running, pending: state.pending.slice(state.batch) },
    effects: running.map((node) => ({ type: 'restart', node })),
  };
}

function finish(state: RolloutState, at: number, failure: OperationReport | undefined): Next {
  const report: RolloutReport = {
    operation: 'rollout',
    result: failure === undefined ? 'done' : 'aborted',
    nodes: state.reports,
    untouched: state.pending,
    ms: Math.round(at - state.beganAt),
    ...(failure?.reason === undefined ? {} : { reason: failure.reason }),
    ...(failure?.code === undefined ? {} : { code: failure.code }),
  };
  return { state: { ...state, isDone: true }, effects: [{ type: 'finish', report }] };
}
