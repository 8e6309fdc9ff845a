import type { TrafficSample } from '@lameduck/core';

type Span = Pick<TrafficSample, 'spanMs'>;

/** A sample is of about a second, and of more where an edge was slow to answer. */
export function perSecond(count: number, { spanMs }: Span): number {
  return Math.round((count * 1000) / spanMs);
}

/** The same of what went wrong: never 0 where there was one. */
export function errorsPerSecond(count: number, { spanMs }: Span): number {
  return Math.ceil((count * 1000) / spanMs);
}
