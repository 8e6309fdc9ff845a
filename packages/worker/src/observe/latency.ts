import type { LatencyCounts } from '@lameduck/core';

/** Counts answers by how long they took: an addition and a short search for each, no allocation. */
export class Latency {
  readonly #boundsMs: readonly number[];
  readonly #buckets: number[];
  #sumMs = 0;

  /** Upper bounds in rising order; what is slower than the last is counted, too. */
  constructor(boundsMs: readonly number[]) {
    this.#boundsMs = boundsMs;
    this.#buckets = new Array(boundsMs.length + 1).fill(0);
  }

  observe(ms: number): void {
    const bounds = this.#boundsMs;
    let index = 0;
    while (index < bounds.length && ms > (bounds[index] ?? 0)) index += 1;
    this.#buckets[index] = (this.#buckets[index] ?? 0) + 1;
    this.#sumMs += ms;
  }

  counts(): LatencyCounts {
    return { buckets: [...this.#buckets], sumMs: Math.round(this.#sumMs * 1000) / 1000 };
  }
}
