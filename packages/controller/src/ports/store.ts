import type { HistoryEntry, OperationKind, OperationReport, RolloutReport } from '@lameduck/core';

/** What the operator last asked of a node; survives the controller. */
export type Wish = 'ready' | 'drained' | 'stopped';

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
