import type { Clock } from '../ports/clock.ts';

/** Runs the work again and again, the next time after the last one has ended; the returned function stops it. */
export function everyTick(
  clock: Clock,
  ms: number,
  work: () => Promise<void>,
  onError: (thrown: unknown) => void,
): () => void {
  let isStopped = false;
  let cancel = clock.schedule(ms, run);
  function run(): void {
    work()
      .catch(onError)
      .finally(() => {
        if (!isStopped) cancel = clock.schedule(ms, run);
      });
  }
  return () => {
    isStopped = true;
    cancel();
  };
}
