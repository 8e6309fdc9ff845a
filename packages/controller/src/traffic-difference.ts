import { type NodeTraffic, noTraffic } from '@lameduck/core';

/** What came to each node since an earlier reading, from all edges together; a node to which nothing came is missing. */
export type TrafficDifference = ReadonlyMap<string, NodeTraffic>;

interface Sum {
  requests: number;
  errors: number;
  latencySumMs: number;
  readonly latency: number[];
}

/**
 * Adds up, edge by edge, what came between two readings. Thousands of sums a second: those that have not changed cost a
 * comparison, the others no objects of their own.
 */
export class DifferenceSum {
  readonly #sums = new Map<string, Sum>();

  get difference(): TrafficDifference {
    return this.#sums;
  }

  add(now: ReadonlyMap<string, NodeTraffic>, before: ReadonlyMap<string, NodeTraffic>): void {
    for (const [node, traffic] of now) {
      const then = before.get(node) ?? noTraffic;
      if (isSameSum(traffic, then)) continue;
      // a sum that fell is that of an edge that was started anew: all of it is new
      const since = hasFallen(traffic, then) ? noTraffic : then;
      if (traffic.requests > since.requests) addSince(this.#sumOf(node), traffic, since);
    }
  }

  #sumOf(node: string): Sum {
    const known = this.#sums.get(node);
    if (known !== undefined) return known;
    const sum = { ...noTraffic, latency: [...noTraffic.latency] };
    this.#sums.set(node, sum);
    return sum;
  }
}

function isSameSum(now: NodeTraffic, then: NodeTraffic): boolean {
  return (
    now === then ||
    (now.requests === then.requests && now.errors === then.errors && now.latencySumMs === then.latencySumMs)
  );
}

function hasFallen(now: NodeTraffic, then: NodeTraffic): boolean {
  if (now.requests < then.requests || now.errors < then.errors || now.latencySumMs < then.latencySumMs)
    return true;
  for (let bucket = 0; bucket < now.latency.length; bucket += 1)
    if ((now.latency[bucket] ?? 0) < (then.latency[bucket] ?? 0)) return true;
  return false;
}

function addSince(sum: Sum, now: NodeTraffic, since: NodeTraffic): void {
  sum.requests += now.requests - since.requests;
  sum.errors += now.errors - since.errors;
  sum.latencySumMs += now.latencySumMs - since.latencySumMs;
  for (let bucket = 0; bucket < sum.latency.length; bucket += 1)
    sum.latency[bucket] =
      (sum.latency[bucket] ?? 0) + (now.latency[bucket] ?? 0) - (since.latency[bucket] ?? 0);
}
