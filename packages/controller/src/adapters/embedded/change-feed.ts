import { LameduckError } from '@lameduck/core';
import type { StoreChange } from '../../ports/store.ts';

/** Changes that a watcher may be behind before it must list again: ten edges answer for five hundred nodes at once. */
const keptChanges = 10_000;

/** The changes of a store within one process since it was opened, for those who watch it. */
export class ChangeFeed {
  readonly #changes: StoreChange[] = [];
  readonly #waiting = new Set<() => void>();
  /** The first revision of which all changes are known. */
  #knownFrom: number;
  #isClosed = false;

  /** Of a store that is at this revision now. */
  constructor(revision: number) {
    this.#knownFrom = revision + 1;
  }

  publish(changes: readonly StoreChange[]): void {
    this.#changes.push(...changes);
    const forgotten = this.#changes.splice(0, this.#changes.length - keptChanges).at(-1);
    if (forgotten !== undefined) this.#knownFrom = revisionOf(forgotten) + 1;
    this.#wake();
  }

  async *watch(prefix: string, fromRevision: number, signal: AbortSignal): AsyncIterable<StoreChange> {
    signal.addEventListener('abort', this.#wake);
    try {
      for (let next = fromRevision; !signal.aborted && !this.#isClosed; ) {
        this.#requireKnown(next);
        const changes = this.#since(next);
        const newest = changes.at(-1);
        if (newest === undefined) await this.#changed();
        else next = revisionOf(newest) + 1;
        for (const change of changes) if (keyOf(change).startsWith(prefix) && !signal.aborted) yield change;
      }
    } finally {
      signal.removeEventListener('abort', this.#wake);
    }
  }

  #since(revision: number): readonly StoreChange[] {
    const last = this.#changes.findLastIndex((change) => revisionOf(change) < revision);
    return this.#changes.slice(last + 1);
  }

  /** Every watch ends. */
  close(): void {
    this.#isClosed = true;
    this.#wake();
  }

  readonly #wake = (): void => {
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
  };

  #changed(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.add(resolve);
    return promise;
  }

  #requireKnown(revision: number): void {
    if (revision >= this.#knownFrom) return;
    throw new LameduckError(
      'storeFailed',
      `Cannot watch the store from revision "${revision}": ${this.#knownFrom} or later is wanted: what was before is forgotten`,
      { revision, knownFrom: this.#knownFrom },
    );
  }
}

function revisionOf(change: StoreChange): number {
  return change.type === 'put' ? change.entry.revision : change.revision;
}

function keyOf(change: StoreChange): string {
  return change.type === 'put' ? change.entry.key : change.key;
}
