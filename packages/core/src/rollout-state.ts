import type { CanaryJudgement, SuccessCriteria } from './canary.ts';
import type { ErrorCode } from './errors.ts';
import type { OperationReport, RolloutReport } from './report.ts';
import type { Transition } from './run-machine.ts';

export interface RolloutPlan {
  readonly nodes: readonly string[];
  readonly batch: number;
  /** How many of the nodes go first; 0 is none. */
  readonly canary: number;
  /** How long they are watched before the others follow; 0 is not at all. */
  readonly soakMs: number;
  /** What must hold meanwhile. */
  readonly success: SuccessCriteria;
  /** Nodes that have a hook which brings the old version back. */
  readonly revertible: readonly string[];
}

export type RolloutPhase = 'idle' | 'canary' | 'soaking' | 'batches' | 'reverting' | 'done';

/** Everything a rollout is; JSON, so that another controller can go on with it. */
export interface RolloutState {
  readonly phase: RolloutPhase;
  readonly plan: RolloutPlan;
  readonly pending: readonly string[];
  readonly running: readonly string[];
  /** Nodes that an operator had taken out when it began, or when it was their turn. */
  readonly skipped: readonly string[];
  readonly reports: readonly OperationReport[];
  readonly isPaused: boolean;
  /** The soak has ended, and only the pause keeps the others from following. */
  readonly isSoakOver: boolean;
  readonly judgement?: CanaryJudgement;
  /** Canaries that are to be rolled back, and the reports of those that were. */
  readonly toRevert: readonly string[];
  readonly reverted: readonly OperationReport[];
  /** Why it is paused. */
  readonly pauseReason?: string;
  /** Why it will not be done. */
  readonly trouble?: { readonly code: ErrorCode; readonly reason: string };
  readonly beganAt: number;
}

export type RolloutEvent = { readonly at: number } & (
  | { readonly type: 'begun' }
  /** Another controller goes on with it. */
  | { readonly type: 'takenUp' }
  | { readonly type: 'nodeFinished'; readonly report: OperationReport }
  /** Its turn has come, and an operator has taken it out. */
  | { readonly type: 'nodeSkipped'; readonly node: string }
  | { readonly type: 'judged'; readonly judgement: CanaryJudgement }
  | { readonly type: 'soakEnded'; readonly judgement: CanaryJudgement }
  | { readonly type: 'pauseAsked'; readonly reason: string }
  | { readonly type: 'resumeAsked' }
  | { readonly type: 'abortAsked'; readonly reason: string }
);

export type RolloutEffect =
  | { readonly type: 'restart'; readonly node: string }
  | { readonly type: 'revert'; readonly node: string }
  /** Watch these nodes, judge them again and again, and say when the time is over. */
  | { readonly type: 'soak'; readonly nodes: readonly string[]; readonly ms: number }
  | { readonly type: 'stopSoak' }
  | { readonly type: 'finish'; readonly report: RolloutReport };

export type NextRollout = Transition<RolloutState, RolloutEffect>;

/** The nodes that go first; the next one takes the place of one that is skipped. */
export function canariesOf({ plan, skipped }: RolloutState): readonly string[] {
  return plan.nodes.filter((node) => !skipped.includes(node)).slice(0, plan.canary);
}

/** Whether another controller can go on with it: nothing was under way that it would have to make sense of. */
export function isResumable({ phase, running }: RolloutState): boolean {
  return running.length === 0 && phase !== 'idle' && phase !== 'done';
}
