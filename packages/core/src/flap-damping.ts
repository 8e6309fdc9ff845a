/** Falls this long ago are forgotten. Longer than the longest hold, so that a node never outlives its record in it. */
export const forgetFallsMs = 600_000;
/** A node may fall this often before it is held: one restart too many is no flapping. */
export const freeFalls = 2;
const firstHoldMs = 10_000;
/** The longest time for which a node is held down although its checks pass. */
export const longestHoldMs = 300_000;

/** How often a node fell lately, and until when it is held down for it (monotonic milliseconds). */
export interface RecentFalls {
  readonly count: number;
  readonly lastAtMs: number;
  readonly heldUntilMs: number;
}

export const noFalls: RecentFalls = { count: 0, lastAtMs: 0, heldUntilMs: 0 };

/** How long a node is held down after its `count`th fall: 0, 0, 10 s, 20 s, 40 s … 5 m. Like BGP's damping, simpler. */
export function holdMs(count: number): number {
  if (count <= freeFalls) return 0;
  return Math.min(longestHoldMs, firstHoldMs * 2 ** (count - freeFalls - 1));
}

/** The record after one more fall. */
export function fellAgain(falls: RecentFalls, atMs: number): RecentFalls {
  const isForgotten = falls.count === 0 || atMs - falls.lastAtMs > forgetFallsMs;
  const count = isForgotten ? 1 : falls.count + 1;
  return { count, lastAtMs: atMs, heldUntilMs: atMs + holdMs(count) };
}
