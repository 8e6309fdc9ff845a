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
 * The state after one more sample: what came within the window before it. An edge that did not answer gives a sample
 * without a sum, in which errors age and nothing is added. What was counted before the first sum says nothing. A
 * smaller sum is that of an edge that was started anew: all of it is new.
 */
export function stepPassive(
  state: PassiveState,
  sample: { readonly total: number | undefined; readonly atMs: number },
  limits: Pick<PassiveLimits, 'withinMs'>,
): PassiveState {
  const { total = state.total, atMs } = sample;
  const recent = state.recent.filter((entry) => atMs - entry.atMs < limits.withinMs);
  if (total === undefined) return { total, recent };
  const before = state.total ?? total;
  const added = total >= before ? total - before : total;
  return { total, recent: added === 0 ? recent : [...recent, { atMs, errors: added }] };
}
