import type { Criterion } from './canary.ts';

/** How a rollout over all nodes stands. */
export interface RolloutStatus {
  /** Of its entry in the history. */
  readonly id: number;
  readonly state: 'running' | 'paused' | 'soaking' | 'aborting' | 'done' | 'aborted';
  readonly batch: number;
  /** How many nodes go first, and which. */
  readonly canary?: number;
  readonly canaryNodes?: readonly string[];
  readonly pending: readonly string[];
  readonly running: readonly string[];
  /** Nodes that it leaves alone because an operator has taken them out; one that is put back before its turn is taken. */
  readonly skipped?: readonly string[];
  readonly done: readonly string[];
  /** ISO 8601, UTC: until then the nodes that are new are only watched. */
  readonly soakEndsAt?: string;
  readonly soakMs?: number;
  /** What is seen of the canary, as long as it soaks and afterwards. */
  readonly criteria?: readonly Criterion[];
  /** Why it is paused, aborting or aborted. */
  readonly reason?: string;
  /** Who began it, where that is known. */
  readonly by?: string;
  /** ISO 8601, UTC. */
  readonly beganAt: string;
}

/** What may be asked of a rollout under way. */
export type RolloutCommand = 'pause' | 'resume' | 'abort';
