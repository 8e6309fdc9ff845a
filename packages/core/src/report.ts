import { type ErrorCode, exitCodes } from './errors.ts';

export type OperationKind = 'drain' | 'ready' | 'stop' | 'start' | 'restart';

/** The steps of the reference procedure and of the way back, in their order. */
export type PhaseName =
  | 'check'
  | 'remove'
  | 'drain'
  | 'terminate'
  | 'wait'
  | 'kill'
  | 'start'
  | 'health'
  | 'return';

export interface PhaseRecord {
  readonly name: PhaseName;
  readonly ms: number;
}

export type OperationResult = 'exited' | 'killed' | 'refused' | 'failed' | 'drained' | 'ready' | 'started';

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
  readonly ms: number;
  readonly reason?: string;
  readonly code?: ErrorCode;
  /** Who asked, where it was no command: the node itself, because it was sent SIGTERM by somebody else. */
  readonly cause?: 'node';
  /** What the guard of availability had against it, where it went on all the same. */
  readonly overruled?: string;
  /** The controller ended in this phase, and what the next one made of it. */
  readonly interrupted?: { readonly phase: PhaseName; readonly settled: 'resumed' | 'reverted' };
}

/** How a rollout ended: `aborted` at the first node that failed; the nodes after it were left alone. */
export interface RolloutReport {
  readonly operation: 'rollout';
  readonly result: 'done' | 'aborted';
  readonly nodes: readonly OperationReport[];
  /** Nodes that the rollout did not reach. */
  readonly untouched: readonly string[];
  readonly ms: number;
  readonly reason?: string;
  readonly code?: ErrorCode;
}

/** The exit code that a command gives for a report. */
export function reportExitCode(report: OperationReport | RolloutReport): number {
  if (report.operation === 'rollout') {
    if (report.result === 'aborted') return exitCodes[report.code ?? 'internal'];
    return report.nodes.some(hasCut) ? exitCodes.deadlinePassed : 0;
  }
  if (report.result === 'refused') return exitCodes.refused;
  if (report.result !== 'failed' && hasCut(report)) return exitCodes.deadlinePassed;
  return report.result === 'failed' ? exitCodes[report.code ?? 'internal'] : 0;
}

/** Whether work outlived its deadline: a process was killed, or requests were cut. */
export function hasCut(report: OperationReport): boolean {
  return report.result === 'killed' || report.lost > 0;
}
