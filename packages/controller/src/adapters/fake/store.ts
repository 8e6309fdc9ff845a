import { LameduckError } from '@lameduck/core';
import type { Clock } from '../../ports/clock.ts';
import type { Lease, ListOptions, Store, StoreChange, StoreEntry, StoreOp } from '../../ports/store.ts';
import { ChangeFeed } from '../embedded/change-feed.ts';
import { Leases } from '../embedded/leases.ts';

/** How a transaction fails: nothing is written, or all of it is and only the answer is lost. */
export type WriteFault = 'notWritten' | 'answerLost';

/** A store in memory, for tests of what is above the port: it keeps the contract and fails on demand. */
export interface FakeStore extends Store {
  /** The next transactions fail like this, one after the other. */
  failWrites(...faults: readonly WriteFault[]): void;
  /** Every transaction fails from now on, as on a full disk, until called with false. */
  fill(isFull: boolean): void;
  /** Every call takes this long from now on, in milliseconds of real time. */
  delay(ms: number): void;
  /** The store has lost every lease, however long it was granted for. */
  expireLeases(): void;
  /** What is in it, by key. */
  contents(): ReadonlyMap<string, string>;
}

interface Kept extends StoreEntry {
  readonly lease: string | undefined;
}

export function createFakeStore(clock: Clock): FakeStore {
  return new MemoryStore(clock);
}

class MemoryStore implements FakeStore {
  readonly #entries = new Map<string, Kept>();
  /** In order: a list costs what it gives, also in a store that has grown. */
  readonly #keys: string[] = [];
  readonly #feed = new ChangeFeed(0);
  readonly #leases: Leases;
  readonly #faults: WriteFault[] = [];
  #revision = 0;
  #latencyMs = 0;
  #isFull = false;
  #isClosed = false;

  constructor(clock: Clock) {
    this.#leases = new Leases(clock, (lease) => this.#dropEntries(lease));
  }

  failWrites(...faults: readonly WriteFault[]): void {
    this.#faults.push(...faults);
  }

  fill(isFull: boolean): void {
    this.#isFull = isFull;
  }

  delay(ms: number): void {
    this.#latencyMs = ms;
  }

  expireLeases(): void {
    this.#leases.endAll();
  }

  contents(): ReadonlyMap<string, string> {
    return new Map([...this.#entries.values()].map(({ key, value }) => [key, value]));
  }

  async get(key: string, signal: AbortSignal): Promise<StoreEntry | undefined> {
    await this.#enter(signal);
    const kept = this.#entries.get(key);
    return kept === undefined ? undefined : toEntry(kept);
  }

  async list(prefix: string, options: ListOptions, signal: AbortSignal): ReturnType<Store['list']> {
    await this.#enter(signal);
    const { limit = Number.POSITIVE_INFINITY, order } = options;
    const [begin, end] = [this.#placeOf(prefix), this.#placeOf(`${prefix}\uffff`)];
    const keys =
      order === 'descending'
        ? this.#keys.slice(Math.max(begin, end - limit), end).reverse()
        : this.#keys.slice(begin, Math.min(end, begin + limit));
    const entries = keys.map((key) => toEntry(this.#entries.get(key) as Kept));
    return { revision: this.#revision, entries };
  }

  async txn(
    compare: Parameters<Store['txn']>[0],
    ops: readonly StoreOp[],
    signal: AbortSignal,
  ): ReturnType<Store['txn']> {
    await this.#enter(signal);
    for (const op of ops) if (op.type === 'put' && op.lease !== undefined) this.#leases.require(op.lease);
    const fault = this.#isFull ? 'notWritten' : this.#faults.shift();
    if (fault === 'notWritten') throw failed('room on the disk', 'it is full');
    const holds = compare.every(({ key, revision }) => (this.#entries.get(key)?.revision ?? 0) === revision);
    if (holds) this.#apply(ops);
    if (fault === 'answerLost') throw failed('an answer', 'none came');
    return { succeeded: holds, revision: this.#revision };
  }

  watch(prefix: string, fromRevision: number, signal: AbortSignal): AsyncIterable<StoreChange> {
    return this.#feed.watch(prefix, fromRevision, signal);
  }

  async lease(ttlMs: number, signal: AbortSignal): Promise<Lease> {
    await this.#enter(signal);
    return this.#leases.grant(ttlMs);
  }

  async close(): Promise<void> {
    this.#leases.endAll();
    this.#feed.close();
    this.#isClosed = true;
  }

  async #enter(signal: AbortSignal): Promise<void> {
    if (this.#latencyMs > 0) await new Promise((resolve) => setTimeout(resolve, this.#latencyMs));
    signal.throwIfAborted();
    if (this.#isClosed) throw failed('an open one', 'it is closed');
  }

  #apply(ops: readonly StoreOp[]): void {
    const revision = this.#revision + 1;
    const changes = ops.flatMap((op): readonly StoreChange[] => {
      const { key } = op;
      if (op.type === 'delete') return this.#delete(key) ? [{ type: 'delete', key, revision }] : [];
      const kept = { key, value: op.value, revision, lease: op.lease };
      if (!this.#entries.has(key)) this.#keys.splice(this.#placeOf(key), 0, key);
      this.#entries.set(key, kept);
      return [{ type: 'put', entry: toEntry(kept) }];
    });
    if (changes.length === 0) return;
    this.#revision = revision;
    this.#feed.publish(changes);
  }

  #delete(key: string): boolean {
    if (!this.#entries.delete(key)) return false;
    this.#keys.splice(this.#placeOf(key), 1);
    return true;
  }

  /** Of the first key that is not before this one. */
  #placeOf(key: string): number {
    let [low, high] = [0, this.#keys.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#keys[middle] as string) < key) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #dropEntries(lease: string): void {
    const dropped = [...this.#entries.values()].filter((kept) => kept.lease === lease);
    this.#apply(dropped.map(({ key }) => ({ type: 'delete', key })));
  }
}

function toEntry({ key, value, revision }: Kept): StoreEntry {
  return { key, value, revision };
}

function failed(wanted: string, got: string): LameduckError {
  return new LameduckError('storeFailed', `Cannot use the fake store: ${wanted} is wanted: ${got}`);
}
