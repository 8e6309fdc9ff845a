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
