import type { Store } from '../ports/store.ts';
import { commit, storeDeadline } from './commit.ts';

/** A weight that was set at run time, and the configured one that it was set in place of. */
export interface NotedWeight {
  readonly weight: number;
  readonly configured: number;
}

const key = 'weights';

/** By node. Throws `storeFailed`. */
export async function readWeights(store: Store): Promise<ReadonlyMap<string, NotedWeight>> {
  const entry = await store.get(key, storeDeadline());
  return new Map(entry === undefined ? [] : (JSON.parse(entry.value) as [string, NotedWeight][]));
}

/** Throws `storeFailed` where it was not written. */
export async function noteWeights(store: Store, weights: ReadonlyMap<string, NotedWeight>): Promise<void> {
  await commit(store, [], [{ type: 'put', key, value: JSON.stringify([...weights]) }]);
}
