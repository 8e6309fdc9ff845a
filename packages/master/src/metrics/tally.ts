import type { KillReason, LatencyCounts, RecycleReason, WorkerCounts } from '@lameduck/core';

interface Answers {
  readonly answered: number;
  readonly latency: LatencyCounts;
}

const noLatency: LatencyCounts = { buckets: [], sumMs: 0 };
const noAnswers: Answers = { answered: 0, latency: noLatency };

/**
 * What only grows, since the master's start: workers count from their own start and tell each second and at their
 * end; what those that are gone told last stays in the sum.
 */
export class Tally {
  spawned = 0;
  aborted = 0;
  readonly recycled: Record<RecycleReason, number> = { maxRequests: 0, maxMemory: 0 };
  readonly killed: Record<KillReason, number> = {
    bootExpired: 0,
    readyExpired: 0,
    silent: 0,
    deadlinePassed: 0,
  };
  readonly reloads: Record<'done' | 'failed', number> = { done: 0, failed: 0 };
  #gone: Answers = noAnswers;
  readonly #living = new Map<number, Answers>();

  beat(id: number, { answered }: WorkerCounts, latency: LatencyCounts = noLatency): void {
    this.#living.set(id, { answered, latency });
  }

  exited(id: number): void {
    this.#gone = add(this.#gone, this.#living.get(id) ?? noAnswers);
    this.#living.delete(id);
  }

  answers(): Answers {
    return [...this.#living.values()].reduce(add, this.#gone);
  }
}

function add(a: Answers, b: Answers): Answers {
  const [longer, shorter] =
    a.latency.buckets.length >= b.latency.buckets.length ? [a.latency, b.latency] : [b.latency, a.latency];
  const buckets = longer.buckets.map((count, index) => count + (shorter.buckets[index] ?? 0));
  return {
    answered: a.answered + b.answered,
    latency: { buckets, sumMs: a.latency.sumMs + b.latency.sumMs },
  };
}
