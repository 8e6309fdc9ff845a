import type { HistoryEntry } from '@lameduck/core';
import type { Store, StoreEntry } from '../ports/store.ts';
import { storeDeadline } from './commit.ts';

/** Where the history is: one entry for each operation and rollout. */
export const historyPrefix = 'history/';

/** So many digits that the order of the keys is the order of the ids. */
const idDigits = 12;

/** Most entries that one search reads. */
const mostLookedThrough = 5_000;

/** An entry without its id, which is in the key. */
export type HistoryRecord = Omit<HistoryEntry, 'id'>;

/** The newest first. */
export async function readEntries(store: Store, limit: number): Promise<readonly HistoryEntry[]> {
  const options = { limit, order: 'descending' } as const;
  const { entries } = await store.list(historyPrefix, options, storeDeadline());
  return entries.map(toHistoryEntry);
}

/** What to find: entries before this id, of this node, with this text anywhere in them. */
export interface HistoryQuery {
  readonly limit: number;
  readonly before?: number | undefined;
  readonly node?: string | undefined;
  readonly search?: string | undefined;
}

/** The newest first. Where more than the limit is asked for, only the newest few thousand are looked through. */
export async function findEntries(store: Store, query: HistoryQuery): Promise<readonly HistoryEntry[]> {
  const { limit, before, node, search } = query;
  if (before === undefined && node === undefined && search === undefined) return readEntries(store, limit);
  const options = { limit: mostLookedThrough, order: 'descending' } as const;
  const { entries } = await store.list(historyPrefix, options, storeDeadline());
  const text = search?.toLowerCase();
  return entries
    .filter(({ value }) => text === undefined || value.toLowerCase().includes(text))
    .map(toHistoryEntry)
    .filter(
      (entry) => (before === undefined || entry.id < before) && (node === undefined || concerns(entry, node)),
    )
    .slice(0, limit);
}

function concerns({ subject, report }: HistoryEntry, node: string): boolean {
  return (
    subject === node || (report?.operation === 'rollout' && report.nodes.some((part) => part.node === node))
  );
}

/** One entry, or nothing where there is none. */
export async function readEntry(store: Store, id: number): Promise<HistoryEntry | undefined> {
  const entry = await store.get(historyKey(id), storeDeadline());
  return entry === undefined ? undefined : toHistoryEntry(entry);
}

/** The id after the newest one. */
export async function nextId(store: Store): Promise<number> {
  const [newest] = await readEntries(store, 1);
  return (newest?.id ?? 0) + 1;
}

export function historyKey(id: number): string {
  return `${historyPrefix}${String(id).padStart(idDigits, '0')}`;
}

/** One operation as it stands in the history. */
export function historyPut(
  id: number,
  record: HistoryRecord,
): { readonly key: string; readonly value: string } {
  return { key: historyKey(id), value: JSON.stringify(record) };
}

export function toHistoryEntry({ key, value }: StoreEntry): HistoryEntry {
  const record = JSON.parse(value) as HistoryRecord;
  return { id: Number(key.slice(historyPrefix.length)), ...record };
}
