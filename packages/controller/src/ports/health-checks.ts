import type { Address, HealthConfig, HealthState } from '@lameduck/core';

/** One node as its checks see it; targets are told apart by their place in the list. */
export interface CheckTarget {
  readonly address: Address;
  readonly health: HealthConfig;
}

/** What is to change for one target. */
export type CheckCommand =
  /** From now on this process is checked, or nobody. Answers to questions from before say nothing any more. */
  | { readonly type: 'follow'; readonly version: number; readonly isRunning: boolean }
  /** What earlier checks said is forgotten. */
  | { readonly type: 'forget'; readonly version: number }
  /** Somebody waits: check at once and often. */
  | { readonly type: 'hasten' }
  /** Nobody waits any more. */
  | { readonly type: 'relax' }
  /** The edges counted too many errors. */
  | { readonly type: 'fail'; readonly reason: string };

/** The health of one target after a check; `version` is that of the last command that raised it. */
export interface HealthNews {
  readonly target: number;
  readonly version: number;
  readonly health: HealthState;
}

/** How the checks of all targets went since the start, by the targets' places. */
export interface CheckCounts {
  readonly passed: readonly number[];
  readonly failed: readonly number[];
  /** How long the last check took; NaN where there was none. */
  readonly lastMs: readonly number[];
  /** Of all targets together, in seconds. */
  readonly durations: {
    readonly bounds: readonly number[];
    readonly counts: readonly number[];
    readonly sum: number;
  };
}

/**
 * Checks targets for ever, each at its own interval, and tells what the checks say. Health is told at least whenever it
 * has changed, or somebody waits; many news may come at once.
 */
export interface HealthChecks {
  /** To be called once. Nothing is checked before a `follow`. */
  open(targets: readonly CheckTarget[], onNews: (news: readonly HealthNews[]) => void): void;
  tell(target: number, command: CheckCommand): void;
  /** What was counted; never rejects. */
  counts(): Promise<CheckCounts>;
  close(): Promise<void>;
}
