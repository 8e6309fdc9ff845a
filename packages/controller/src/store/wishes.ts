import type { Wish } from '@lameduck/core';
import type { Store, StoreOp } from '../ports/store.ts';
import { storeDeadline } from './commit.ts';

const prefix = 'wishes/';

/** What is wanted of each node, where it is not simply to serve. */
export async function readWishes(store: Store): Promise<ReadonlyMap<string, Wish>> {
  const { entries } = await store.list(prefix, {}, storeDeadline());
  return new Map(entries.map(({ key, value }) => [key.slice(prefix.length), JSON.parse(value) as Wish]));
}

/** The write that notes a wish; a node that is to serve has none. */
export function wishOp(node: string, wish: Wish): StoreOp {
  if (wish === 'ready') return { type: 'delete', key: `${prefix}${node}` };
  return { type: 'put', ...wishPut(node, wish) };
}

/** The entry of a wish. */
export function wishPut(node: string, wish: Wish): { readonly key: string; readonly value: string } {
  return { key: `${prefix}${node}`, value: JSON.stringify(wish) };
}
