import type { DatabaseSync, SQLOutputValue } from 'node:sqlite';
import type { HistoryEntry } from '@lameduck/core';
import type { Clock } from '../../ports/clock.ts';
import type {
  Store,
  StoreChange,
  StoreCompare,
  StoreEntry,
  StoreList,
  StoreOp,
  TxnOutcome,
} from '../../ports/store.ts';
import { historyPrefix, toHistoryEntry } from '../../store/history.ts';
import { ChangeFeed } from '../embedded/change-feed.ts';
import { Leases } from '../embedded/leases.ts';
import { systemClock } from '../system/clock.ts';
import { attempt, openAlone, openToRead } from './database.ts';
import { readFirstHistory } from './first-version.ts';
import { GroupCommit, type Wanted } from './group-commit.ts';

/** After every ASCII character: keys of a prefix are before it. */
const afterKeys = '\u{10ffff}';

/**
 * A store in one file, held by one controller. Errors: `alreadyRunning` where another controller holds it, `config`
 * for a file from a newer version, `storeFailed` for a damaged or unusable one.
 */
export function openSqliteStore(path: string, clock: Clock = systemClock): Store {
  return new SqliteStore(path, clock);
}

/** The history of a service whose controller does not run. Throws as `openSqliteStore`. */
export function readHistory(path: string, limit: number): readonly HistoryEntry[] {
  const { database, version } = openToRead(path);
  try {
    return attempt('read', path, () => {
      if (version === 0) return [];
      if (version === 1) return readFirstHistory(database, limit);
      return select(database, historyPrefix, limit, 'DESC').map(toHistoryEntry);
    });
  } finally {
    database.close();
  }
}

class SqliteStore implements Store {
  readonly #path: string;
  readonly #database: DatabaseSync;
  readonly #feed: ChangeFeed;
  readonly #leases: Leases;
  readonly #together: GroupCommit;

  constructor(path: string, clock: Clock) {
    this.#path = path;
    this.#database = openAlone(path);
    this.#feed = new ChangeFeed(this.#revision());
    this.#leases = new Leases(clock, (lease) => this.#dropEntries(lease));
    this.#together = new GroupCommit((wanted) => attempt('write', path, () => this.#transact(wanted)));
  }

  async get(key: string, signal: AbortSignal): Promise<StoreEntry | undefined> {
    signal.throwIfAborted();
    return attempt('read', this.#path, () => this.#entry(key));
  }

  async list(
    prefix: string,
    { limit = -1, order = 'ascending' }: Parameters<Store['list']>[1],
    signal: AbortSignal,
  ): Promise<StoreList> {
    signal.throwIfAborted();
    return attempt('read', this.#path, () => ({
      revision: this.#revision(),
      entries: select(this.#database, prefix, limit, order === 'ascending' ? 'ASC' : 'DESC'),
    }));
  }

  async txn(
    compare: readonly StoreCompare[],
    ops: readonly StoreOp[],
    signal: AbortSignal,
  ): Promise<TxnOutcome> {
    signal.throwIfAborted();
    for (const op of ops) if (op.type === 'put' && op.lease !== undefined) this.#leases.require(op.lease);
    return this.#together.run({ compare, ops });
  }

  watch(prefix: string, fromRevision: number, signal: AbortSignal): AsyncIterable<StoreChange> {
    return this.#feed.watch(prefix, fromRevision, signal);
  }

  async lease(ttlMs: number, signal: AbortSignal): ReturnType<Store['lease']> {
    signal.throwIfAborted();
    return this.#leases.grant(ttlMs);
  }

  async close(): Promise<void> {
    if (!this.#database.isOpen) return;
    this.#together.flush();
    this.#leases.endAll();
    this.#feed.close();
    this.#database.close();
  }

  /** All of them or, where the disk fails, none: one after the other, each with a revision of its own. */
  #transact(wanted: readonly Wanted[]): readonly TxnOutcome[] {
    const database = this.#database;
    database.exec('BEGIN IMMEDIATE');
    try {
      const before = this.#revision();
      let revision = before;
      const changes: StoreChange[] = [];
      const outcomes = wanted.map(({ compare, ops }): TxnOutcome => {
        const holds = compare.every((fence) => (this.#entry(fence.key)?.revision ?? 0) === fence.revision);
        const made = holds ? this.#apply(ops, revision + 1) : [];
        if (made.length > 0) revision += 1;
        changes.push(...made);
        return { succeeded: holds, revision };
      });
      if (revision > before) database.prepare('UPDATE revision SET value = ?').run(revision);
      database.exec('COMMIT');
      this.#feed.publish(changes);
      return outcomes;
    } catch (error) {
      // SQLite has rolled back by itself after some errors, a full disk among them
      if (database.isTransaction) database.exec('ROLLBACK');
      throw error;
    }
  }

  #apply(ops: readonly StoreOp[], revision: number): readonly StoreChange[] {
    const put = this.#database.prepare('INSERT OR REPLACE INTO entries VALUES (?, ?, ?, ?)');
    const remove = this.#database.prepare('DELETE FROM entries WHERE key = ?');
    return ops.flatMap((op): readonly StoreChange[] => {
      const { key } = op;
      if (op.type === 'delete') return remove.run(key).changes > 0 ? [{ type: 'delete', key, revision }] : [];
      put.run(key, op.value, revision, op.lease ?? null);
      return [{ type: 'put', entry: { key, value: op.value, revision } }];
    });
  }

  /** What cannot be removed now goes when the file is opened again: no lease outlives its process. */
  #dropEntries(lease: string): void {
    const rows = this.#database.prepare('SELECT key FROM entries WHERE lease = ?').all(lease);
    const ops = rows.map(({ key }): StoreOp => ({ type: 'delete', key: String(key) }));
    if (ops.length > 0) this.#transact([{ compare: [], ops }]);
  }

  #revision(): number {
    return Number(this.#database.prepare('SELECT value FROM revision').get()?.['value'] ?? 0);
  }

  #entry(key: string): StoreEntry | undefined {
    const row = this.#database.prepare('SELECT * FROM entries WHERE key = ?').get(key);
    return row === undefined ? undefined : toEntry(row);
  }
}

function select(
  database: DatabaseSync,
  prefix: string,
  limit: number,
  order: 'ASC' | 'DESC',
): readonly StoreEntry[] {
  const query = `SELECT * FROM entries WHERE key >= ? AND key < ? ORDER BY key ${order} LIMIT ?`;
  return database.prepare(query).all(prefix, `${prefix}${afterKeys}`, limit).map(toEntry);
}

function toEntry(row: Record<string, SQLOutputValue>): StoreEntry {
  return { key: String(row['key']), value: String(row['value']), revision: Number(row['revision']) };
}
