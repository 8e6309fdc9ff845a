import type { RecycleReason, WorkerCounts } from '@lameduck/core';

/** When a worker is worn; 0 or nothing is never. */
export interface RecycleLimits {
  readonly maxRequests?: number | undefined;
  readonly maxRequestsJitter?: number | undefined;
  readonly maxMemoryBytes?: number | undefined;
}

/** Looks at each beat of one worker; gives a reason once. */
export type WearCheck = (counts: WorkerCounts) => RecycleReason | undefined;

/** A peak that the next garbage collection ends is no reason; so many beats in a row are. */
const beatsAbove = 3;

/** A check with a limit of its own, `maxRequests` and up to the jitter more. Like Gunicorn's max_requests_jitter. */
export function createWearCheck(limits: RecycleLimits, random: () => number): WearCheck {
  const { maxRequests = 0, maxRequestsJitter = 0, maxMemoryBytes = 0 } = limits;
  const most = maxRequests + Math.round(random() * maxRequestsJitter);
  let above = 0;
  let isTold = false;
  return ({ answered, rssBytes }) => {
    if (isTold) return undefined;
    above = maxMemoryBytes > 0 && rssBytes > maxMemoryBytes ? above + 1 : 0;
    const isOld = maxRequests > 0 && answered >= most;
    isTold = isOld || above >= beatsAbove;
    if (!isTold) return undefined;
    return isOld ? 'maxRequests' : 'maxMemory';
  };
}
