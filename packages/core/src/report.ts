import type { Criterion } from './canary.ts';
import { type ErrorCode, exitCodes } from './errors.ts';

export const operationKinds = ['drain', 'ready', 'stop', 'start', 'restart'] as const;
export type OperationKind = (typeof operationKinds)[number];

/** The steps of the reference procedure and of the way back, in their order. */
export const phaseNames = [
  'check',
  'remove',
  'drain',
  'terminate',
  'wait',
  'kill',
  'deploy',
  'rollBack',
  'start',
  'health',
  'return',
] as const;
export type PhaseName = (typeof phaseNames)[number];

export interface PhaseRecord {
  readonly name: PhaseName;
  readonly ms: number;
}

export const operationResults = [
  'exited',
  'killed',
  'refused',
  'failed',
  'drained',
  'ready',
  'started',
] as const;
export type OperationResult = (typeof operationResults)[number];

/** What an edge says that it can no longer pick a node, or may pick it again. */
export interface EdgeProof {
  readonly edge: string;
  readonly mode: 'gate' | 'reload';
  /** Milliseconds from the order to the proof. */
  readonly ms: number;
  /** Configuration generation (reload) or gate epoch (gate) that answered. */
  readonly generation: number;
}

/** How an operation on one node ended. Fields may be added, never renamed. */
export interface OperationReport {
  readonly operation: OperationKind;
  readonly node: string;
  readonly result: OperationResult;
  readonly phases: readonly PhaseRecord[];
  /** Requests that the edges had under way to the node when it was out of rotation; of those, answered and cut. */
  readonly inFlight: number;
  readonly answered: number;
  readonly lost: number;
  /** WebSockets and event streams that the node was left to close (`shutdown.sessions: close`). */
  readonly sessions?: number;
  /** Processes that were sent SIGKILL. */
  readonly killed: readonly number[];
  /** How each edge proved that the node was out of rotation. */
  readonly edges?: readonly EdgeProof[];
  /** Edges that did not run: nothing was to be proved there. They follow when they are back. */
  readonly unproven?: readonly string[];
  readonly ms: number;
  readonly reason?: string;
  readonly code?: ErrorCode;
  /** Who asked, where it was no command: the node itself, because it was sent SIGTERM by somebody else. */
  readonly cause?: 'node';
  /** What the guard of availability had against it, where it went on all the same. */
  readonly overruled?: string;
  /**
   * A deployment that did not hold: `true` where the roll back hook ran well, `false` where the node has whatever
   * version is there now, because there is no such hook or it failed.
   */
  readonly rolledBack?: boolean;
  /** It failed, and the node is in rotation again all the same. */
  readonly isBack?: true;
  /** The controller ended in this phase, and what the next one made of it. */
  readonly interrupted?: { readonly phase: PhaseName; readonly settled: 'resumed' | 'reverted' };
}

/** What became of the nodes that went first. */
export interface CanaryReport {
  readonly nodes: readonly string[];
  /** How long they were watched. */
  readonly soakMs: number;
  /** `overruled`: what was seen was not enough to judge, and an operator went on. */
  readonly verdict: 'passed' | 'failed' | 'overruled' | 'unfinished';
  readonly criteria: readonly Criterion[];
  /** The roll back of each, where they were rolled back. */
  readonly reverted: readonly OperationReport[];
}

/** How a rollout ended: `aborted` at the first node that failed; the nodes after it were left alone. */
export interface RolloutReport {
  readonly operation: 'rollout';
  readonly result: 'done' | 'aborted';
  readonly nodes: readonly OperationReport[];
  /** Nodes that the rollout did not touch. */
  readonly untouched: readonly string[];
  /** Those of them that an operator had taken out on purpose. */
  readonly skipped?: readonly string[];
  readonly canary?: CanaryReport;
  readonly ms: number;
  readonly reason?: string;
  readonly code?: ErrorCode;
}

/** Done with `--force`, against the guard's will. */
export const overruledExitCode = 8;

/** The exit code that a command gives for a report. */
export function reportExitCode(report: OperationReport | RolloutReport): number {
  if (report.operation === 'rollout') {
    if (report.result === 'aborted') return exitCodes[report.code ?? 'internal'];
    return report.nodes.some(hasCut) ? exitCodes.deadlinePassed : 0;
  }
  if (report.result === 'refused') return exitCodes.refused;
  if (report.result === 'failed') return exitCodes[report.code ?? 'internal'];
  if (hasCut(report)) return exitCodes.deadlinePassed;
  return report.overruled === undefined || report.cause === 'node' ? 0 : overruledExitCode;
}

/** Whether work outlived its deadline: a process was killed, or requests were cut. */
export function hasCut(report: OperationReport): boolean {
  return report.result === 'killed' || report.lost > 0;
}
