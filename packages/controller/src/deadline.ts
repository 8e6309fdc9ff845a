import type { Clock } from './ports/clock.ts';

/** Does the work with a signal that aborts after `ms` by this clock, or when one of the other signals does. */
export async function within<T>(
  clock: Clock,
  ms: number,
  others: readonly AbortSignal[],
  work: (signal: AbortSignal, deadline: AbortSignal) => Promise<T>,
): Promise<T> {
  const deadline = new AbortController();
  const cancel = clock.schedule(ms, () => deadline.abort(new DOMException('time is over', 'TimeoutError')));
  try {
    return await work(AbortSignal.any([deadline.signal, ...others]), deadline.signal);
  } finally {
    cancel();
  }
}
