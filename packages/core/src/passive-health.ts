/** How many errors within which time make a node failing. */
export interface PassiveLimits {
  readonly errors: number;
  readonly withinMs: number;
}

/** Errors that the edges counted to one node, as samples of a sum that only grows. */
export interface PassiveState {
  readonly total: number | undefined;
  /** The errors that came between two samples, oldest first. */
  readonly recent: readonly { readonly atMs: number; readonly errors: number }[];
}

export const noErrors: PassiveState = { total: undefined, recent: [] };

/**
 * The state after one more sample, and the errors within the window. What was counted before the first sample says
 * nothing. A smaller sum is that of an edge that was started anew: all of it is new.
 */
export function stepPassive(
  state: PassiveState,
  sample: { readonly total: number; readonly atMs: number },
  limits: PassiveLimits,
): { readonly state: PassiveState; readonly errors: number; readonly isOver: boolean } {
  const { total, atMs } = sample;
  const before = state.total ?? total;
  const added = total >= before ? total - before : total;
  const kept = state.recent.filter((entry) => atMs - entry.atMs < limits.withinMs);
  const recent = added === 0 ? kept : [...kept, { atMs, errors: added }];
  const errors = recent.reduce((sum, entry) => sum + entry.errors, 0);
  return { state: { total, recent }, errors, isOver: errors >= limits.errors };
}
