/** Upper bounds of the latency buckets in milliseconds, inclusive; one more bucket counts what was slower. */
export const latencyBucketsMs = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000] as const;

/** What an edge counted for one node since the edge's start: sums that only grow. */
export interface NodeTraffic {
  /** Tries that reached for the node: a request that was sent to two nodes counts at both. */
  readonly requests: number;
  /** Tries that ended with 5xx, a refused or broken connection, or a time-out. Never more than `requests`. */
  readonly errors: number;
  /**
   * How many answers took how long, by bucket, of the last try of each request up to its last byte. Upgraded
   * connections, and requests whose client went away, are counted in `requests` only.
   */
  readonly latency: readonly number[];
  readonly latencySumMs: number;
}

/** A node that was sent nothing. */
export const noTraffic: NodeTraffic = {
  requests: 0,
  errors: 0,
  latency: new Array<number>(latencyBucketsMs.length + 1).fill(0),
  latencySumMs: 0,
};

/** Both together. */
export function addTraffic(a: NodeTraffic, b: NodeTraffic): NodeTraffic {
  return combine(a, b, (one, other) => one + other);
}

/** What came since `before`. A sum that fell is that of an edge that was started anew: all of it is new. */
export function subtractTraffic(now: NodeTraffic, before: NodeTraffic): NodeTraffic {
  const hasFallen =
    now.requests < before.requests ||
    now.errors < before.errors ||
    now.latencySumMs < before.latencySumMs ||
    now.latency.some((count, bucket) => count < (before.latency[bucket] ?? 0));
  return hasFallen ? now : combine(now, before, (one, other) => one - other);
}

function combine(a: NodeTraffic, b: NodeTraffic, join: (a: number, b: number) => number): NodeTraffic {
  return {
    requests: join(a.requests, b.requests),
    errors: join(a.errors, b.errors),
    latency: a.latency.map((count, bucket) => join(count, b.latency[bucket] ?? 0)),
    latencySumMs: join(a.latencySumMs, b.latencySumMs),
  };
}

/**
 * The latency in milliseconds that a share `q` of the answers did not exceed, interpolated within its bucket as
 * Prometheus' histogram_quantile does; the last bound for what was slower. `undefined` where nothing was counted.
 */
export function quantile(latency: readonly number[], q: number): number | undefined {
  const total = latency.reduce((sum, count) => sum + count, 0);
  if (total === 0) return undefined;
  const rank = Math.min(1, Math.max(0, q)) * total;
  let below = 0;
  for (const [bucket, upper] of latencyBucketsMs.entries()) {
    const count = latency[bucket] ?? 0;
    if (count > 0 && below + count >= rank) {
      const lower = bucket === 0 ? 0 : (latencyBucketsMs[bucket - 1] ?? 0);
      return lower + (upper - lower) * Math.max(0, (rank - below) / count);
    }
    below += count;
  }
  return latencyBucketsMs[latencyBucketsMs.length - 1];
}
