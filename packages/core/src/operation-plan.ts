import type { OperationLimits } from './operation-state.ts';
import type { OperationKind, PhaseName } from './report.ts';

/** The steps of each operation, in the order in which they come when nothing goes wrong. */
export const phasesOf: Readonly<Record<OperationKind, readonly PhaseName[]>> = {
  drain: ['check', 'remove', 'drain'],
  ready: ['health', 'return'],
  stop: ['check', 'remove', 'drain', 'terminate', 'wait'],
  start: ['start', 'health', 'return'],
  restart: ['check', 'remove', 'drain', 'terminate', 'wait', 'start', 'health', 'return'],
};

/** Deadlines that an operation has beside its own limits. */
export interface PlanLimits extends OperationLimits {
  /** Until every edge has proved that a node is out. */
  readonly removeMs: number;
  /** Until every edge that runs sends to it again. */
  readonly returnMs: number;
  /** Of the hook before the start, where the node has one. */
  readonly hookMs?: number;
}

/** The steps of one operation with the longest that each may take; `start` has the time of `health` in its own. */
export function planPhases(
  kind: OperationKind,
  limits: PlanLimits,
): readonly { readonly name: PhaseName; readonly atMostMs?: number }[] {
  const most: Partial<Record<PhaseName, number>> = {
    remove: limits.removeMs,
    return: limits.returnMs,
    drain: limits.drainMs,
    wait: limits.graceMs + limits.marginMs,
    ...(limits.hookMs === undefined ? {} : { deploy: limits.hookMs }),
    ...(kind === 'ready' ? { health: limits.startupMs } : { start: limits.startupMs }),
  };
  const names = phasesOf[kind].flatMap((name): PhaseName[] =>
    name === 'start' && limits.hookMs !== undefined ? ['deploy', name] : [name],
  );
  return names.map((name) => {
    const atMostMs = most[name];
    return atMostMs === undefined ? { name } : { name, atMostMs };
  });
}
