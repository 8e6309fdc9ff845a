import type { TrafficSample } from '@lameduck/core';

/** Sums over the last `spanMs` of what is known. */
export function recentTraffic(
  traffic: readonly TrafficSample[],
  spanMs: number,
): { readonly requests: number; readonly errors: number; readonly seconds: number } {
  const newest = traffic.at(-1)?.atMs ?? 0;
  let requests = 0;
  let errors = 0;
  let seconds = 0;
  for (let index = traffic.length - 1; index >= 0; index -= 1) {
    const sample = traffic[index];
    if (sample === undefined || sample.atMs <= newest - spanMs) break;
    requests += sample.total.requests;
    errors += sample.total.errors;
    seconds += sample.spanMs / 1000;
  }
  return { requests, errors, seconds };
}

/** A sample is of about a second, and of more where an edge was slow to answer. */
export function perSecond(count: number, { spanMs }: Pick<TrafficSample, 'spanMs'>): number {
  return Math.round((count * 1000) / spanMs);
}

/** The same of what went wrong: never 0 where there was one. */
export function errorsPerSecond(count: number, { spanMs }: Pick<TrafficSample, 'spanMs'>): number {
  return Math.ceil((count * 1000) / spanMs);
}
