import type { ErrorCode } from './errors.ts';
import type {
  EdgeProof,
  OperationKind,
  OperationReport,
  OperationResult,
  PhaseName,
  PhaseRecord,
} from './report.ts';
import type { Transition } from './run-machine.ts';

/** Milliseconds that each wait may take. */
export interface OperationLimits {
  readonly drainMs: number;
  readonly graceMs: number;
  readonly marginMs: number;
  readonly startupMs: number;
}

export interface OperationSpec {
  readonly kind: OperationKind;
  readonly node: string;
  readonly limits: OperationLimits;
  /** For a node that leaves in any case: a refusal of the guard only makes it wait, and not longer than this. */
  readonly patienceMs?: number;
  /** The guard is asked, and a refusal only noted. Proof is wanted all the same. */
  readonly isForced?: true;
  /** For a restart that changes the version. */
  readonly deploy?: DeploySpec;
  /** Why it is done, where its hooks should know. */
  readonly reason?: string;
  /** Where to begin, for an operation whose controller ended in it. */
  readonly resumeAt?: ResumePhase;
}

/** What runs between the end of a node and its start, and whether there is a way back from it: only where `beforeStart` runs or has run. */
export interface DeploySpec {
  readonly hook: 'beforeStart' | 'rollBack' | 'none';
  readonly canRollBack: boolean;
}

/** The phases in which an operation can be taken up by another controller. */
export type ResumePhase = Extract<PhaseName, 'terminate' | 'wait' | 'kill' | 'rollBack' | 'start'>;

/** What every phase of a running operation carries along. */
export interface Progress {
  readonly spec: OperationSpec;
  readonly beganAt: number;
  readonly phaseBeganAt: number;
  readonly phases: readonly PhaseRecord[];
  /** Requests in flight at the edges: when the node was out of rotation, now, and when the grace period passed. */
  readonly inFlight: number;
  readonly inFlightNow: number;
  readonly overdue: number;
  readonly killed: readonly number[];
  readonly overruled?: string;
  /** Why the new version does not serve: the operation fails, but not before the node is back. */
  readonly trouble?: Trouble;
  readonly rolledBack?: boolean;
  /** A start that took too long was told to end. */
  readonly hasAbandoned?: true;
  readonly edges?: readonly EdgeProof[];
  readonly unproven?: readonly string[];
}

export interface Trouble {
  readonly code: ErrorCode;
  readonly reason: string;
}

export type OperationState =
  | { readonly phase: 'idle'; readonly spec: OperationSpec }
  | ({ readonly phase: PhaseName } & Progress)
  | { readonly phase: 'done'; readonly report: OperationReport };

export type RunningState = Exclude<OperationState, { phase: 'idle' | 'done' }>;

export type OperationTimer = 'patience' | 'drain' | 'grace' | 'kill' | 'startup';

/** What happened; `at` is a monotonic clock in milliseconds. */
export type OperationEvent = { readonly at: number } & (
  | { readonly type: 'begun' }
  /** With what it had against it where it was overruled. */
  | { readonly type: 'guardPassed'; readonly overruled?: string }
  | { readonly type: 'guardRefused'; readonly reason: string }
  /** What the guard decides on may have changed. */
  | { readonly type: 'turnCame' }
  | { readonly type: 'removed'; readonly edges?: readonly EdgeProof[]; readonly unproven?: readonly string[] }
  | { readonly type: 'inFlightChanged'; readonly count: number }
  | { readonly type: 'signalled' }
  | { readonly type: 'exited' }
  | { readonly type: 'killed'; readonly pids: readonly number[] }
  | { readonly type: 'deployed' }
  /** The process of the new version is gone; with what went wrong where the hook failed. */
  | { readonly type: 'rolledBack'; readonly killed: readonly number[]; readonly trouble?: string }
  | { readonly type: 'started' }
  | { readonly type: 'healthRisen' }
  | { readonly type: 'restored'; readonly unproven?: readonly string[] }
  | { readonly type: 'timerExpired'; readonly timer: OperationTimer }
  /** `isUntouched`: of a deployment of which nothing has run. */
  | {
      readonly type: 'failed';
      readonly code: ErrorCode;
      readonly reason: string;
      readonly isUntouched?: true;
    }
);

export type OperationEffect =
  | { readonly type: 'checkGuard' }
  /** Ask again when something has changed. */
  | { readonly type: 'awaitTurn' }
  /** Take the node out whatever the guard says. */
  | { readonly type: 'overruleGuard' }
  | { readonly type: 'remove' }
  | { readonly type: 'watchInFlight' }
  | { readonly type: 'terminate' }
  | { readonly type: 'awaitExit' }
  | { readonly type: 'kill' }
  /** Run the hook that brings the new version. */
  | { readonly type: 'deploy' }
  /** End what was started, then run the hook that brings the old version back. */
  | { readonly type: 'rollBack'; readonly reason: string }
  | { readonly type: 'start' }
  /** End the start that is under way; its failure follows. */
  | { readonly type: 'abandonStart' }
  | { readonly type: 'awaitHealth' }
  | { readonly type: 'restore' }
  | { readonly type: 'startTimer'; readonly timer: OperationTimer; readonly ms: number }
  | { readonly type: 'cancelTimer'; readonly timer: OperationTimer }
  | { readonly type: 'finish'; readonly report: OperationReport };

export type Next = Transition<OperationState, OperationEffect>;

/** No transition: the phase does not wait for this event. */
export function stay(state: RunningState): Next {
  return { state, effects: [] };
}

/** The next phase; the one before it gets its time. */
export function enter(state: RunningState, phase: PhaseName, at: number): RunningState {
  return { ...state, phase, phaseBeganAt: at, phases: [...state.phases, closed(state, at)] };
}

/** The edges that did not run when something was to be proved; nothing where there was none. */
export function addUnproven(state: RunningState, unproven: readonly string[] = []): RunningState {
  if (unproven.length === 0) return state;
  return { ...state, unproven: [...new Set([...(state.unproven ?? []), ...unproven])] };
}

function closed(state: RunningState, at: number): PhaseRecord {
  return { name: state.phase, ms: Math.round((at - state.phaseBeganAt) * 10) / 10 };
}

const allTimers: readonly OperationTimer[] = ['patience', 'drain', 'grace', 'kill', 'startup'];

/** The end, with the report and every timer cancelled. */
export function finish(
  state: RunningState,
  at: number,
  result: OperationResult,
  why: { readonly code?: ErrorCode; readonly reason?: string; readonly isBack?: true },
  effects: readonly OperationEffect[] = [],
): Next {
  const lost = Math.min(state.overdue, state.inFlight);
  const report: OperationReport = {
    operation: state.spec.kind,
    node: state.spec.node,
    result,
    phases: [...state.phases, closed(state, at)],
    inFlight: state.inFlight,
    answered: state.inFlight - lost - (result === 'drained' ? state.inFlightNow : 0),
    lost,
    killed: state.killed,
    ...(state.edges === undefined ? {} : { edges: state.edges }),
    ...(state.unproven === undefined ? {} : { unproven: state.unproven }),
    ...(state.spec.patienceMs === undefined ? {} : { cause: 'node' }),
    ...(state.overruled === undefined ? {} : { overruled: state.overruled }),
    ...(state.rolledBack === undefined ? {} : { rolledBack: state.rolledBack }),
    ms: Math.round((at - state.beganAt) * 10) / 10,
    ...why,
  };
  const cancels = allTimers.map((timer): OperationEffect => ({ type: 'cancelTimer', timer }));
  return { state: { phase: 'done', report }, effects: [...effects, ...cancels, { type: 'finish', report }] };
}
