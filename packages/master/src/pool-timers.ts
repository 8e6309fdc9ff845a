import type { PoolTimer, TimerName } from '@lameduck/core';

/** Timers that a message of the worker ends; one that fires this late proves nothing about the worker. */
const endsOnMessages: ReadonlySet<TimerName> = new Set(['boot', 'ready', 'heartbeat']);
const lateMs = 1000;

function keyOf(timer: PoolTimer): string {
  return `${timer.id}:${timer.name}`;
}

/** The timers of a pool: one for each name and place. */
export class PoolTimers {
  readonly #fired: (timer: PoolTimer) => void;
  readonly #timers = new Map<string, NodeJS.Timeout>();

  constructor(fired: (timer: PoolTimer) => void) {
    this.#fired = fired;
  }

  start(timer: PoolTimer, ms: number): void {
    const key = keyOf(timer);
    clearTimeout(this.#timers.get(key));
    const dueAt = performance.now() + ms;
    const fire = (): void => {
      // Then it was us who stood still (SIGSTOP, no CPU): what the workers said meanwhile has not been read yet.
      if (endsOnMessages.has(timer.name) && performance.now() - dueAt > lateMs) {
        this.start(timer, lateMs);
        return;
      }
      this.#timers.delete(key);
      this.#fired(timer);
    };
    this.#timers.set(key, setTimeout(fire, ms));
  }

  cancel(timer: PoolTimer): void {
    this.#cancel((key) => key === keyOf(timer));
  }

  /** All timers of one place. */
  cancelAll(id: number): void {
    this.#cancel((key) => key.startsWith(`${id}:`));
  }

  #cancel(isCancelled: (key: string) => boolean): void {
    for (const [key, timer] of this.#timers) {
      if (!isCancelled(key)) continue;
      clearTimeout(timer);
      this.#timers.delete(key);
    }
  }
}
