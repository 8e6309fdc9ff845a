import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { WorkerCounts } from '@lameduck/core';
import { counts } from './counts.ts';

const beatMs = 1000;
/** The loop is woken so often to see how late it comes, 0.2 % of a core; the values of the histogram contain it. */
const resolutionMs = 50;

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
