import { type InBandBudget, inBandBudget, waitUntilQuiet } from '@lameduck/core';
import type { Listener } from './bind-address.ts';
import type { MasterOptions } from './options.ts';
import type { RunningPool } from './running-pool.ts';

/**
 * How the node leaves when it is told to stop and nobody has taken it out of its edges: all workers bounce what the
 * edge has promised to send elsewhere, and serve the rest. When nothing arrives any more (`core/in-band.ts`) the master
 * gives up the socket and the workers stop accepting: late comers are refused, which every edge may retry, instead of
 * waiting in a queue that nobody will serve. Connections that the edge keeps open are left for it to close.
 */
export class InBandLeave {
  readonly #options: MasterOptions;
  readonly #pool: RunningPool;
  readonly #listener: Listener;
  #budget: InBandBudget = { leastMs: 0, mostMs: 0 };
  #startedAt = 0;
  #busyAt = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: MasterOptions, pool: RunningPool, listener: Listener) {
    this.#options = options;
    this.#pool = pool;
    this.#listener = listener;
  }

  /**
   * False where that makes no sense, and nothing has been done: no edge makes the promise, the node has been taken
   * out by its controller, or it does not serve. `graceMs` is what is left of the graceful timeout.
   */
  begin(graceMs: number): boolean {
    if (this.#timer !== undefined) {
      // The controller is back and has taken the node out meanwhile.
      if (this.#pool.isTakenOut) this.#look();
      return true;
    }
    const { phase, workers } = this.#pool.state;
    const isServing = (phase === 'ready' || phase === 'reloading') && workers.length > 0;
    if (this.#options.worker?.promiseToken === undefined || this.#pool.isTakenOut || !isServing) return false;
    this.#budget = inBandBudget(graceMs, this.#options.worker?.lameDuckMs ?? 0);
    this.#startedAt = performance.now();
    this.#busyAt = this.#startedAt;
    this.#options.logger.info(this.#budget, 'leaving in-band');
    this.#pool.stopBouncing(this.#budget.mostMs, () => {
      this.#busyAt = performance.now();
    });
    void this.#pool.ended.then(() => clearTimeout(this.#timer));
    this.#look();
    return true;
  }

  #look(): void {
    const now = performance.now();
    const ms = waitUntilQuiet(this.#budget, now - this.#startedAt, now - this.#busyAt);
    clearTimeout(this.#timer);
    if (ms > 0 && !this.#pool.isTakenOut) this.#timer = setTimeout(() => this.#look(), ms);
    else this.#release(Math.round(now - this.#startedAt), now - this.#busyAt);
  }

  #release(ms: number, quietMs: number): void {
    this.#options.logger.info({ ms, quietMs: Math.round(quietMs) }, 'leaving in-band: no longer accepting');
    // Ours first: the queue is reset with the last descriptor, and until then the workers accept from it.
    const release = (): void => {
      // The name may be another process's by the time we end.
      this.#listener.own(false);
      this.#pool.release();
    };
    void this.#listener.close().then(release, release);
  }
}
