/** One entry as it was read. */
export interface StoreEntry {
  readonly key: string;
  readonly value: string;
  /** The revision of its last write: the fence of what is decided on it. */
  readonly revision: number;
}

/** Wants the entry to be as it was read at this revision; 0 wants that there is none. */
export interface StoreCompare {
  readonly key: string;
  readonly revision: number;
}

/** One write of a transaction; an entry with a lease goes with it. */
export type StoreOp =
  | { readonly type: 'put'; readonly key: string; readonly value: string; readonly lease?: string }
  | { readonly type: 'delete'; readonly key: string };

export interface TxnOutcome {
  /** Where it is false a comparison failed and nothing was written. */
  readonly succeeded: boolean;
  /** Of the store after the transaction; of every entry that it has put. */
  readonly revision: number;
}

export interface ListOptions {
  readonly limit?: number;
  /** Of the keys, by their bytes. */
  readonly order?: 'ascending' | 'descending';
}

export interface StoreList {
  /** Of the store when it was read: watch from the one after it to miss nothing. */
  readonly revision: number;
  readonly entries: readonly StoreEntry[];
}

export type StoreChange =
  | { readonly type: 'put'; readonly entry: StoreEntry }
  | { readonly type: 'delete'; readonly key: string; readonly revision: number };

/** A hold on entries that goes by itself. Its holder stops at `ended`, whatever the store says then. */
export interface Lease {
  readonly id: string;
  /** Aborts at the latest when the time is over, by the holder's own clock from before it asked. */
  readonly ended: AbortSignal;
  /** The time begins anew. Rejects with `storeFailed` where the lease has ended. */
  renew(signal: AbortSignal): Promise<void>;
  /** Its entries go at once. */
  revoke(signal: AbortSignal): Promise<void>;
}

/**
 * What outlives the controller, and what controllers agree on: entries under ASCII keys, changed in transactions that
 * are fenced by the revisions on which they were decided. A transaction names each key at most once in its writes, and
 * is durable when it resolves. One that rejects may have been applied: read before you repeat it. All calls reject
 * with `storeFailed` where the store cannot do it.
 */
export interface Store {
  get(key: string, signal: AbortSignal): Promise<StoreEntry | undefined>;
  list(prefix: string, options: ListOptions, signal: AbortSignal): Promise<StoreList>;
  txn(compare: readonly StoreCompare[], ops: readonly StoreOp[], signal: AbortSignal): Promise<TxnOutcome>;
  /**
   * Every change of this revision and later, in order, until the signal aborts: then it ends. Throws `storeFailed`
   * where the changes since then are no longer known: list again.
   */
  watch(prefix: string, fromRevision: number, signal: AbortSignal): AsyncIterable<StoreChange>;
  lease(ttlMs: number, signal: AbortSignal): Promise<Lease>;
  /** May be called twice. Leases of this process end. */
  close(): Promise<void>;
}
