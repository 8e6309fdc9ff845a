import { Histogram } from '../metrics/histogram.ts';
import type { CheckCounts } from '../ports/health-checks.ts';

/** Seconds. */
const bounds = [0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];

/** Counts the checks of a number of targets. */
export class CheckTally implements CheckCounts {
  readonly passed: number[];
  readonly failed: number[];
  readonly lastMs: number[];
  readonly durations: Histogram = new Histogram(bounds);

  constructor(targets: number) {
    this.passed = new Array<number>(targets).fill(0);
    this.failed = new Array<number>(targets).fill(0);
    this.lastMs = new Array<number>(targets).fill(Number.NaN);
  }

  note(target: number, passed: boolean, ms: number): void {
    const counted = passed ? this.passed : this.failed;
    counted[target] = (counted[target] ?? 0) + 1;
    this.lastMs[target] = ms;
    this.durations.observe(ms / 1000);
  }
}

/** What a thread that has ended counted, and what the next one has. */
export function addCounts(former: CheckCounts, now: CheckCounts): CheckCounts {
  const sum = (a: readonly number[], b: readonly number[]): number[] =>
    a.map((value, place) => value + (b[place] ?? 0));
  const { durations } = former;
  return {
    passed: sum(former.passed, now.passed),
    failed: sum(former.failed, now.failed),
    lastMs: former.lastMs.map((ms, place) => {
      const last = now.lastMs[place] ?? Number.NaN;
      return Number.isNaN(last) ? ms : last;
    }),
    durations: {
      bounds: durations.bounds,
      counts: sum(durations.counts, now.durations.counts),
      sum: durations.sum + now.durations.sum,
    },
  };
}
