import { LameduckError } from '@lameduck/core';
import type { Logger } from 'pino';
import type { Clock } from './ports/clock.ts';

/** How often the store is asked again whether it takes writes. */
const retryMs = 5_000;

/**
 * Ends of operations and rollouts that the store would not take. They are kept by the name of the node or rollout, and
 * written as soon as it takes them: every few seconds, before the next operation of the same node, and at the end of the
 * controller. One that dies before leaves them to the next one as interrupted.
 */
export class Unsettled {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #kept = new Map<string, () => Promise<void>>();
  #cancelRetry: (() => void) | undefined;

  constructor(clock: Clock, logger: Logger) {
    this.#clock = clock;
    this.#logger = logger;
  }

  /** Writes the end of an operation now, or keeps it. */
  async attempt(name: string, write: () => Promise<void>): Promise<void> {
    try {
      await write();
    } catch (thrown) {
      const { code, message } = LameduckError.from(thrown);
      this.#logger.error({ name, code, reason: message }, 'end of an operation not written');
      if (code !== 'storeFailed') return;
      this.#kept.set(name, write);
      this.#retryLater();
    }
  }

  /** Throws `storeFailed` where the end that is kept under this name still cannot be written. */
  async settle(name: string): Promise<void> {
    const write = this.#kept.get(name);
    if (write === undefined) return;
    await write().catch((thrown: unknown) => {
      // what another controller has taken over is not ours to end
      if (LameduckError.from(thrown).code !== 'busy') throw thrown;
    });
    if (this.#kept.get(name) === write) this.#kept.delete(name);
  }

  /** The last attempt: the controller ends. */
  async close(): Promise<void> {
    this.#cancelRetry?.();
    await this.#settleAll();
  }

  #retryLater(): void {
    this.#cancelRetry ??= this.#clock.schedule(retryMs, () => {
      this.#cancelRetry = undefined;
      void this.#settleAll().then(() => {
        if (this.#kept.size > 0) this.#retryLater();
      });
    });
  }

  async #settleAll(): Promise<void> {
    await Promise.allSettled([...this.#kept.keys()].map((name) => this.settle(name)));
  }
}
