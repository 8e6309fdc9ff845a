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
    const handle = setTimeout(() => {
      if (!endsOnMessages.has(timer.name)) this.#fire(timer, handle);
      // Then it was us who stood still (SIGSTOP, no CPU): what the workers said meanwhile has not been read yet.
      else if (performance.now() - dueAt > lateMs) this.start(timer, lateMs);
      // Timers come first in a turn, also in one that is a little late: messages that have arrived come before.
      else setImmediate(() => this.#fire(timer, handle));
    }, ms);
    this.#timers.set(key, handle);
  }

  /** Unless it was cancelled, or started again. */
  #fire(timer: PoolTimer, handle: NodeJS.Timeout): void {
    const key = keyOf(timer);
    if (this.#timers.get(key) !== handle) return;
    this.#timers.delete(key);
    this.#fired(timer);
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
