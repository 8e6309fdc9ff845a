import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { WorkerCounts } from '@lameduck/core';
import { counts } from './counts.ts';

const beatMs = 1000;
/** Sampling interval of the loop's delay; the histogram's values contain it. */
const resolutionMs = 20;

/** Counts on demand; `start` gives them each second, as a sign of life. */
export interface Beats {
  read(): WorkerCounts;
  start(beat: (counts: WorkerCounts) => void): void;
}

/** Measures the longest delay of the event loop between two readings. */
export function createBeats(): Beats {
  const delay = monitorEventLoopDelay({ resolution: resolutionMs });
  delay.enable();

  function read(): WorkerCounts {
    const lagMs = Math.max(0, delay.max / 1e6 - resolutionMs);
    delay.reset();
    return { ...counts(), rssBytes: process.memoryUsage.rss(), loopLagMs: Math.round(lagMs * 10) / 10 };
  }

  return {
    read,
    start: (beat) => {
      setInterval(() => beat(read()), beatMs).unref();
    },
  };
}
