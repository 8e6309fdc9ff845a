import type { OperationEvent, OperationState, PhaseName } from '@lameduck/core';
import type { EdgeSet } from './edge-set.ts';
import type { OnEffect } from './effect-point.ts';
import type { HealthMonitor } from './health-monitor.ts';
import type { NodeRecord } from './node-record.ts';
import type { Clock } from './ports/clock.ts';
import type { Proof } from './ports/edge.ts';
import type { NodeHooks } from './ports/node-hooks.ts';

/** What an operation needs of the controller around it. */
export interface OperationSurroundings {
  readonly edges: EdgeSet;
  readonly monitor: HealthMonitor;
  readonly clock: Clock;
  /** Decides and, where it allows, reserves in the same turn: two operations never both take the last node. */
  readonly guard: (
    record: NodeRecord,
  ) => { readonly allowed: true } | { readonly allowed: false; readonly reason: string };
  /** The same against the guard's will, for a node that leaves in any case. */
  readonly overruleGuard: (record: NodeRecord) => void;
  /** Resolves when the guard may decide otherwise. */
  readonly turn: (signal: AbortSignal) => Promise<void>;
  /**
   * Resolves when it is durable that the operation is about to do this; `proofs` are the edges' acknowledgements,
   * `isRolledBack` that the hook of that name has run.
   */
  readonly note: (phase: PhaseName, proofs: readonly Proof[], isRolledBack: boolean) => Promise<void>;
  /** The node's, where it has any. */
  readonly hooks: NodeHooks | undefined;
  readonly onEffect: OnEffect;
  readonly observe: (event: OperationEvent, from: OperationState, to: OperationState) => void;
}
