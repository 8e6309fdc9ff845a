import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';
import type { Latency } from './result.ts';

/** Collects latencies with three significant digits, in constant memory. */
export interface LatencyRecorder {
  record(ms: number): void;
  summary(): Latency;
}

/** The histogram counts microseconds and takes no 0; an hour is far beyond any request's deadline. */
const hourUs = 3_600_000_000;

/** An empty recorder. */
export function createLatencyRecorder(): LatencyRecorder {
  const histogram: RecordableHistogram = createHistogram({ lowest: 1, highest: hourUs, figures: 3 });
  const at = (percentile: number): number => histogram.percentile(percentile) / 1000;
  return {
    record: (ms) => histogram.record(Math.min(hourUs, Math.max(1, Math.round(ms * 1000)))),
    summary: () =>
      histogram.count === 0
        ? { p50: 0, p90: 0, p99: 0, max: 0 }
        : { p50: at(50), p90: at(90), p99: at(99), max: histogram.max / 1000 },
  };
}
