import type { PauseStatus } from '@lameduck/core';
import type { Store } from '../ports/store.ts';
import { commit, storeDeadline } from './commit.ts';

/** The pause as it is kept: what is under way is no part of it. */
export type NotedPause = Omit<PauseStatus, 'inFlight'>;

const key = 'pause';

/** The pause that is wanted of all edges; `undefined` where there is none. Throws `storeFailed`. */
export async function readPause(store: Store): Promise<NotedPause | undefined> {
  const entry = await store.get(key, storeDeadline());
  return entry === undefined ? undefined : (JSON.parse(entry.value) as NotedPause);
}

/** Throws `storeFailed` where it was not written. */
export async function notePause(store: Store, pause: NotedPause): Promise<void> {
  await commit(store, [], [{ type: 'put', key, value: JSON.stringify(pause) }]);
}

export async function forgetPause(store: Store): Promise<void> {
  await store.txn([], [{ type: 'delete', key }], storeDeadline());
}
