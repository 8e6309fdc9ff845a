import type { SuccessCriteria } from './canary.ts';
import type { OperationKind, PhaseName } from './report.ts';

/** What an operation would do; nothing was touched to find it out. */
export interface OperationPlan {
  readonly dryRun: true;
  readonly operation: OperationKind | 'rollout';
  /** What happens one after the other. */
  readonly steps: readonly PlannedStep[];
  /** Nodes that a rollout would leave alone: drained or stopped by an operator, or not asked for. */
  readonly skipped: readonly string[];
  /** Why it would be refused as things are now. */
  readonly refused?: string;
  /** What the guard has against it, where `force` would go on all the same. */
  readonly overruled?: string;
  /** Of a rollout with canary nodes: what is watched between them and the others. */
  readonly soak?: { readonly ms: number; readonly success: SuccessCriteria };
  /** The sum of all deadlines, soak included. */
  readonly atMostMs: number;
}

/** Nodes that leave at the same time, and how. */
export interface PlannedStep {
  readonly nodes: readonly string[];
  readonly isCanary: boolean;
  /** Nodes that stay in rotation meanwhile. */
  readonly stays: readonly string[];
  /** The steps that each of them takes, with the deadline of those that wait. */
  readonly phases: readonly { readonly name: PhaseName; readonly atMostMs?: number }[];
  /** Commands that would run, by node. */
  readonly hooks: readonly {
    readonly node: string;
    readonly beforeStart?: string;
    readonly rollBack?: string;
  }[];
  /** What would change in files of nginx while they are out, as `diff -u` shows it. */
  readonly files: readonly { readonly edge: string; readonly path: string; readonly diff: string }[];
}
