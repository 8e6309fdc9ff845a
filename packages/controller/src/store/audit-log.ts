import { type AuditEntry, LameduckError } from '@lameduck/core';
import type { Logger } from 'pino';
import type { Clock } from '../ports/clock.ts';
import type { Store, StoreEntry, StoreOp } from '../ports/store.ts';
import { storeDeadline } from './commit.ts';

/** So many digits that the order of the keys is the order of the ids. */
const idDigits = 12;

/** Entries of one kind; one that comes takes the place of the oldest. */
interface Shelf {
  readonly prefix: string;
  readonly mostEntries: number;
}

/** Those without a token have a small shelf of their own: nobody can push out what others did by knocking often enough. */
const shelves: { readonly known: Shelf; readonly anonymous: Shelf } = {
  known: { prefix: 'audit/known/', mostEntries: 10_000 },
  anonymous: { prefix: 'audit/anonymous/', mostEntries: 1_000 },
};

/** What somebody wants to do, before it is known what comes of it. */
export type AuditDraft = Omit<AuditEntry, 'id' | 'at'>;

export interface AuditQuery {
  readonly limit: number;
  readonly before?: number | undefined;
  readonly search?: string | undefined;
}

/** Who did what, from where, with what result. */
export interface AuditLog {
  /** Resolves when it is written. Never rejects: what the store cannot take is told in the log of the controller. */
  add(draft: AuditDraft): Promise<AuditEntry>;
  /** What came of it. */
  end(entry: AuditEntry, result: string, reason?: string): Promise<void>;
  /** The newest first. */
  find(query: AuditQuery): Promise<readonly AuditEntry[]>;
  /** Resolves when everything so far is written. */
  settled(): Promise<void>;
}

export interface AuditParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly onEntry: (entry: AuditEntry) => void;
}

/** Who did what, in the store: bounded, written one after the other, so that ids are in the order of the entries. */
export function createAuditLog(parts: AuditParts): AuditLog {
  return new StoredAudit(parts);
}

class StoredAudit implements AuditLog {
  readonly #parts: AuditParts;
  #tail: Promise<unknown> = Promise.resolve();
  #newest = 0;
  /** Ids on each shelf, the oldest first, once they have been read. */
  #ids: ReadonlyMap<Shelf, number[]> | undefined;

  constructor(parts: AuditParts) {
    this.#parts = parts;
  }

  add(draft: AuditDraft): Promise<AuditEntry> {
    return this.#inTurn(async () => {
      await this.#readIds();
      const entry = { id: this.#nextId(), at: this.#parts.clock.timestamp(), ...draft };
      const shelf = shelfOf(entry);
      const ids = this.#ids?.get(shelf) ?? [];
      ids.push(entry.id);
      const oldest = ids.length > shelf.mostEntries ? ids.shift() : undefined;
      await this.#write(entry, oldest === undefined ? [] : [{ type: 'delete', key: keyOf(shelf, oldest) }]);
      return entry;
    });
  }

  end(entry: AuditEntry, result: string, reason?: string): Promise<void> {
    return this.#inTurn(() =>
      this.#write({ ...entry, result, ...(reason === undefined ? {} : { reason }) }, []),
    );
  }

  async find({ limit, before, search }: AuditQuery): Promise<readonly AuditEntry[]> {
    const isFiltered = before !== undefined || search !== undefined;
    const text = search?.toLowerCase();
    const lists = await Promise.all(
      Object.values(shelves).map((shelf) =>
        list(this.#parts.store, shelf, isFiltered ? shelf.mostEntries : limit),
      ),
    );
    return lists
      .flat()
      .filter(({ value }) => text === undefined || value.toLowerCase().includes(text))
      .map(toEntry)
      .filter(({ id }) => before === undefined || id < before)
      .sort((one, other) => other.id - one.id)
      .slice(0, limit);
  }

  async settled(): Promise<void> {
    await this.#tail;
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#tail.then(work);
    this.#tail = done.catch(() => undefined);
    return done;
  }

  /** A store that cannot be read now is asked again at the next entry. */
  async #readIds(): Promise<void> {
    if (this.#ids !== undefined) return;
    const { store } = this.#parts;
    const read = async (shelf: Shelf): Promise<[Shelf, number[]]> => [
      shelf,
      (await list(store, shelf, shelf.mostEntries)).map((entry) => toEntry(entry).id).reverse(),
    ];
    const ids = await Promise.all(Object.values(shelves).map(read)).catch(() => undefined);
    if (ids === undefined) return;
    this.#ids = new Map(ids);
    this.#newest = Math.max(this.#newest, ...ids.map(([, numbers]) => numbers.at(-1) ?? 0));
  }

  /** Not above 0 while it is not known which ids are taken: an entry of before must not be overwritten. */
  #nextId(): number {
    if (this.#ids === undefined) return 0;
    this.#newest += 1;
    return this.#newest;
  }

  async #write(entry: AuditEntry, more: readonly StoreOp[]): Promise<void> {
    const { store, logger, onEntry } = this.#parts;
    logger.info({ audit: entry }, 'audit');
    if (entry.id === 0) {
      logger.error({ audit: 0, reason: 'the store could not be read' }, 'audit not written');
      return onEntry(entry);
    }
    const { id, ...record } = entry;
    const op: StoreOp = { type: 'put', key: keyOf(shelfOf(entry), id), value: JSON.stringify(record) };
    try {
      await store.txn([], [op, ...more], storeDeadline());
    } catch (thrown) {
      logger.error({ audit: id, reason: LameduckError.from(thrown).message }, 'audit not written');
    }
    onEntry(entry);
  }
}

function shelfOf({ role }: AuditEntry): Shelf {
  return role === 'none' ? shelves.anonymous : shelves.known;
}

async function list(store: Store, shelf: Shelf, limit: number): Promise<readonly StoreEntry[]> {
  const { entries } = await store.list(shelf.prefix, { limit, order: 'descending' }, storeDeadline());
  return entries;
}

function keyOf(shelf: Shelf, id: number): string {
  return `${shelf.prefix}${String(id).padStart(idDigits, '0')}`;
}

function toEntry({ key, value }: StoreEntry): AuditEntry {
  return { id: Number(key.slice(-idDigits)), ...(JSON.parse(value) as Omit<AuditEntry, 'id'>) };
}
