import { LameduckError } from '@lameduck/core';
import type { Clock } from '../../ports/clock.ts';
import type { Lease } from '../../ports/store.ts';

interface Held {
  readonly ended: AbortController;
  readonly ttlMs: number;
  cancel: () => void;
}

/** The leases of a store within one process. */
export class Leases {
  readonly #clock: Clock;
  readonly #dropEntries: (lease: string) => void;
  readonly #held = new Map<string, Held>();
  #count = 0;

  /** `dropEntries` removes what was put under a lease that has ended. */
  constructor(clock: Clock, dropEntries: (lease: string) => void) {
    this.#clock = clock;
    this.#dropEntries = dropEntries;
  }

  grant(ttlMs: number): Lease {
    this.#count += 1;
    const id = `${this.#count}`;
    const held: Held = { ended: new AbortController(), ttlMs, cancel: () => {} };
    this.#held.set(id, held);
    this.#start(id, held);
    return {
      id,
      ended: held.ended.signal,
      renew: async (signal) => {
        signal.throwIfAborted();
        this.require(id);
        this.#start(id, held);
      },
      revoke: async (signal) => {
        signal.throwIfAborted();
        this.end(id);
      },
    };
  }

  /** Throws `storeFailed` for a lease that has ended. */
  require(id: string): void {
    if (this.#held.has(id)) return;
    throw new LameduckError(
      'storeFailed',
      `Cannot use lease "${id}": one that is held is wanted: it has ended`,
      { lease: id },
    );
  }

  end(id: string): void {
    const held = this.#held.get(id);
    if (held === undefined) return;
    this.#held.delete(id);
    held.cancel();
    held.ended.abort();
    this.#dropEntries(id);
  }

  endAll(): void {
    for (const id of [...this.#held.keys()]) this.end(id);
  }

  #start(id: string, held: Held): void {
    held.cancel();
    held.cancel = this.#clock.schedule(held.ttlMs, () => this.end(id));
  }
}
