import { type PoolState, poolStatus } from '@lameduck/core';

/** What one transition of the pool means to the supervisor: assignments of one message, none for no news. */
export type Assignments = readonly string[];

/** Budgets that the supervisor's own deadlines must not undercut. */
export interface SupervisedBudgets {
  readonly startMs: number;
  readonly stopMs: number;
  readonly reloadMs: number;
}

/**
 * READY when all first workers are, RELOADING with its moment (CLOCK_MONOTONIC, µs) for each reload and READY at its
 * end, however it ended, STOPPING once. As `Type=notify` and `Type=notify-reload` want it: sd_notify(3).
 */
export function messageOf(
  from: PoolState,
  to: PoolState,
  nowUs: bigint,
  budgets: SupervisedBudgets,
): Assignments {
  if (isStopping(to)) return isStopping(from) ? [] : stopping(budgets);
  if (to.phase === 'reloading') {
    if (from.phase === 'reloading' && from.fresh === to.fresh) return [];
    return [
      'RELOADING=1',
      `MONOTONIC_USEC=${nowUs}`,
      extend(budgets.reloadMs),
      `STATUS=reloading to generation ${to.fresh}`,
    ];
  }
  if (from.phase === 'reloading') {
    const isDone = to.generation === from.fresh;
    return ['READY=1', statusOf(to, isDone ? '' : `; the reload to generation ${from.fresh} failed`)];
  }
  if (to.isAnnounced && !from.isAnnounced) return ['READY=1', statusOf(to)];
  const isChanged = poolStatus(from) !== poolStatus(to) || from.target !== to.target;
  return to.isAnnounced && isChanged ? [statusOf(to)] : [];
}

/** What a supervisor is told of a pool that it has not heard of yet. */
export function introductionOf(state: PoolState, { startMs }: SupervisedBudgets): Assignments {
  if (state.isAnnounced) return ['READY=1', statusOf(state)];
  return [extend(startMs), 'STATUS=starting'];
}

/** Worth a sign of life: without a ready worker after the start, the supervisor may as well start us again. */
export function isAlive(state: PoolState): boolean {
  if (!state.isAnnounced || isStopping(state) || state.target === 0) return true;
  return state.workers.some((worker) => worker.state === 'ready');
}

function isStopping({ phase }: PoolState): boolean {
  return phase === 'stopping' || phase === 'stopped';
}

function stopping({ stopMs }: SupervisedBudgets): Assignments {
  return ['STOPPING=1', extend(stopMs), 'STATUS=stopping'];
}

function statusOf(state: PoolState, more = ''): string {
  const workers = state.target === 1 ? '1 worker' : `${state.target} workers`;
  return `STATUS=${poolStatus(state)}, ${workers}, generation ${state.generation}${more}`;
}

function extend(ms: number): string {
  return `EXTEND_TIMEOUT_USEC=${Math.round(ms * 1000)}`;
}
