/**
 * When a node leaves whose edges nobody has told (in-band): it serves and bounces until it is quiet, and only then
 * stops accepting, so that no connection waits in the queue of a socket that is being closed.
 */

/**
 * No request for so long, and the last ones were bounced: the edge has marked the node as failed. The mark must still
 * hold when the last worker has stopped accepting, so this is shorter than `fail_timeout` (1 s, of which nginx may cut
 * some milliseconds as its clock has whole seconds).
 */
const quietMs = 700;
/** The share of the grace period that may pass before the node stops accepting anyway. */
const longestShare = 0.5;

/** How long a node that leaves in-band goes on accepting. All times in milliseconds. */
export interface InBandBudget {
  /** Never shorter: balancers that poll readiness need it. */
  readonly leastMs: number;
  /** Never longer: the rest of the grace period is for the requests under way. */
  readonly mostMs: number;
}

/** The budget that a grace period leaves; `preStopDelay` is the user's own least time. */
export function inBandBudget(graceMs: number, preStopDelayMs: number): InBandBudget {
  return { leastMs: preStopDelayMs, mostMs: Math.max(preStopDelayMs, Math.round(graceMs * longestShare)) };
}

/**
 * How long from now until the node may stop accepting, unless a request arrives before; 0 for now. `sinceStartMs` is
 * the time since it turned lame duck, `sinceBusyMs` since a request was last told to have arrived.
 */
export function waitUntilQuiet(budget: InBandBudget, sinceStartMs: number, sinceBusyMs: number): number {
  const untilQuiet = Math.max(quietMs - sinceBusyMs, budget.leastMs - sinceStartMs);
  return Math.max(0, Math.min(untilQuiet, budget.mostMs - sinceStartMs));
}
