import type { Buckets } from './page.ts';

/** Counts observations by bucket. */
export class Histogram implements Buckets {
  readonly bounds: readonly number[];
  readonly counts: number[];
  sum = 0;

  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.counts = new Array<number>(bounds.length + 1).fill(0);
  }

  observe(value: number): void {
    const found = this.bounds.findIndex((bound) => value <= bound);
    const place = found < 0 ? this.bounds.length : found;
    this.counts[place] = (this.counts[place] ?? 0) + 1;
    this.sum += value;
  }
}
