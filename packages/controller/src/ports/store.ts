import type { HistoryEntry, OperationKind, OperationReport, RolloutReport } from '@lameduck/core';

/**
 * What is wanted of a node; survives the controller. `leaving` is noted before an operation that will start the node
 * again sends SIGTERM: whoever finds such a process must see it end before the node may serve.
 */
export type Wish = 'ready' | 'drained' | 'stopped' | 'leaving';

/** What outlives the controller: the operators' wishes and the history. Writes are durable when they resolve. */
export interface Store {
  wishes(): Promise<ReadonlyMap<string, Wish>>;
  setWish(node: string, wish: Wish): Promise<void>;
  /** Gives the id of the new entry. */
  begin(operation: OperationKind | 'rollout', subject: string, beganAt: string): Promise<number>;
  end(id: number, report: OperationReport | RolloutReport): Promise<void>;
  /** The newest first. */
  history(limit: number): Promise<readonly HistoryEntry[]>;
  close(): Promise<void>;
}
