import type { HistoryEntry } from '@lameduck/core';
import type { Store, StoreEntry } from '../ports/store.ts';
import { storeDeadline } from './commit.ts';

/** Where the history is: one entry for each operation and rollout. */
export const historyPrefix = 'history/';

/** So many digits that the order of the keys is the order of the ids. */
const idDigits = 12;

/** An entry without its id, which is in the key. */
export type HistoryRecord = Omit<HistoryEntry, 'id'>;

/** The newest first. */
export async function readEntries(store: Store, limit: number): Promise<readonly HistoryEntry[]> {
  const options = { limit, order: 'descending' } as const;
  const { entries } = await store.list(historyPrefix, options, storeDeadline());
  return entries.map(toHistoryEntry);
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
