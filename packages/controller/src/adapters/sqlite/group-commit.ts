import type { StoreCompare, StoreOp, TxnOutcome } from '../../ports/store.ts';

/** One transaction of the port. */
export interface Wanted {
  readonly compare: readonly StoreCompare[];
  readonly ops: readonly StoreOp[];
}

interface Waiting extends Wanted {
  readonly resolve: (outcome: TxnOutcome) => void;
  readonly reject: (thrown: unknown) => void;
}

/**
 * What is asked for within one turn of the loop is written to the disk together: the loop stands still while the disk
 * works, so that fifty operations at once must not cost fifty times as long. Like PostgreSQL's group commit.
 */
export class GroupCommit {
  readonly #write: (wanted: readonly Wanted[]) => readonly TxnOutcome[];
  #waiting: Waiting[] = [];

  /** `write` gives an outcome for each, in their order, or throws where nothing was written. */
  constructor(write: (wanted: readonly Wanted[]) => readonly TxnOutcome[]) {
    this.#write = write;
  }

  run(wanted: Wanted): Promise<TxnOutcome> {
    const { promise, resolve, reject } = Promise.withResolvers<TxnOutcome>();
    this.#waiting.push({ ...wanted, resolve, reject });
    if (this.#waiting.length === 1) setImmediate(() => this.flush());
    return promise;
  }

  /** Writes what waits now. */
  flush(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    if (waiting.length === 0) return;
    try {
      const outcomes = this.#write(waiting);
      for (const [index, { resolve }] of waiting.entries()) resolve(outcomes[index] as TxnOutcome);
    } catch (thrown) {
      for (const { reject } of waiting) reject(thrown);
    }
  }
}
