import { randomUUID } from 'node:crypto';
import type { HistoryEntry, RolloutState, Wish } from '@lameduck/core';
import type { Store } from '../ports/store.ts';
import { storeDeadline } from './commit.ts';
import { findEntries, type HistoryQuery, nextId, readEntries, readEntry } from './history.ts';
import {
  beginOperationRecord,
  continueOperationRecord,
  type NotedOperation,
  type OperationNote,
  type OperationRecord,
  readOperations,
} from './operation-log.ts';
import { beginRolloutRecord, type RolloutRecord, readRollouts } from './rollout-log.ts';
import { readWishes, wishOp } from './wishes.ts';

/** What the controller keeps in its store, in its own words. Everything rejects with `storeFailed`. */
export interface ServiceStore {
  /** What is wanted of each node, where it is not simply to serve. */
  wishes(): Promise<ReadonlyMap<string, Wish>>;
  /** After an orderly stop every node is wished ready. */
  forgetWishes(nodes: readonly string[]): Promise<void>;
  /** The newest first. */
  history(limit: number): Promise<readonly HistoryEntry[]>;
  findHistory(query: HistoryQuery): Promise<readonly HistoryEntry[]>;
  historyEntry(id: number): Promise<HistoryEntry | undefined>;
  /** Takes the node's lock. Throws `busy` where another controller holds it. */
  beginOperation(draft: Omit<OperationNote, 'id' | 'controller'>): Promise<OperationRecord>;
  continueOperation(noted: NotedOperation): OperationRecord;
  /** Operations under way; before the first one of this controller, those of its predecessors. */
  operations(): Promise<readonly NotedOperation[]>;
  beginRollout(
    state: RolloutState,
    begun: { readonly beganAt: string; readonly by?: string },
  ): Promise<RolloutRecord>;
  /** Rollouts under way; before the first one of this controller, those of its predecessors. */
  rollouts(): Promise<readonly RolloutRecord[]>;
  close(): Promise<void>;
}

export function createServiceStore(store: Store): ServiceStore {
  const controller = randomUUID();
  const ids = createIds(store);
  return {
    wishes: () => readWishes(store),
    forgetWishes: async (nodes) => {
      await store.txn(
        [],
        nodes.map((node) => wishOp(node, 'ready')),
        storeDeadline(),
      );
    },
    history: (limit) => readEntries(store, limit),
    findHistory: (query) => findEntries(store, query),
    historyEntry: (id) => readEntry(store, id),
    beginOperation: (draft) => beginOperationRecord(store, { ...draft, controller }, ids),
    continueOperation: (noted) =>
      continueOperationRecord(store, { ...noted, note: { ...noted.note, controller } }),
    operations: () => readOperations(store),
    beginRollout: (state, begun) => beginRolloutRecord(store, state, begun, ids),
    rollouts: () => readRollouts(store),
    close: () => store.close(),
  };
}

/** What begins at once on many nodes of one controller never wants the same id in the history. */
function createIds(store: Store): () => Promise<number> {
  let given = 0;
  return async () => {
    const next = await nextId(store);
    given = Math.max(given + 1, next);
    return given;
  };
}
