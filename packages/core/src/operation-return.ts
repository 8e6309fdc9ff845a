import type { ErrorCode } from './errors.ts';
import {
  addUnproven,
  enter,
  finish,
  type Next,
  type OperationEffect,
  type OperationEvent,
  type RunningState,
  stay,
  type Trouble,
} from './operation-state.ts';
import type { OperationResult, PhaseName } from './report.ts';

/*
 * The way back of an operation: [deploy >] start > health > return, and from a version that fails rollBack and the
 * same once more. A second failure is the end.
 */

/** After the node has ended: the hook where there is one, then the start. */
export function bringBack(state: RunningState, at: number): Next {
  const hook = state.spec.deploy?.hook ?? 'none';
  if (hook === 'beforeStart') return { state: enter(state, 'deploy', at), effects: [{ type: 'deploy' }] };
  return hook === 'rollBack' ? rollBack(enter(state, 'rollBack', at)) : startNode(enter(state, 'start', at));
}

export function rollBack(state: RunningState): Next {
  const reason = state.trouble?.reason ?? state.spec.reason ?? 'its controller ended while it was deployed';
  return { state, effects: [{ type: 'rollBack', reason }] };
}

export function startNode(state: RunningState): Next {
  return { state, effects: [startupTimer(state), { type: 'start' }] };
}

export function awaitHealth(state: RunningState): Next {
  return { state, effects: [startupTimer(state), { type: 'awaitHealth' }] };
}

export function exitResult(state: RunningState): OperationResult {
  return state.killed.length > 0 ? 'killed' : 'exited';
}

/** Failures that say nothing of the new version: the controller ends, or the node's lock is another's. */
const foreign: readonly ErrorCode[] = ['notRunning', 'busy'];
const deploying: readonly PhaseName[] = ['deploy', 'start', 'health'];

/** What a failure leads to that is not the end: `undefined` where it is. */
export function troubleOf(
  state: RunningState,
  event: {
    readonly at: number;
    readonly code: ErrorCode;
    readonly reason: string;
    readonly isUntouched?: true;
  },
): Next | undefined {
  const { code, reason, at } = event;
  const { deploy } = state.spec;
  if (deploy === undefined || state.trouble !== undefined) return undefined;
  if (!deploying.includes(state.phase) || foreign.includes(code)) return undefined;
  const next = { ...state, trouble: { code, reason } };
  const cancel: OperationEffect = { type: 'cancelTimer', timer: 'startup' };
  if (deploy.canRollBack && state.rolledBack === undefined && event.isUntouched !== true) {
    const back = rollBack(enter(next, 'rollBack', at));
    return { state: back.state, effects: [cancel, ...back.effects] };
  }
  // whatever the hook has left there is better than one node less, if it passes its checks
  if (state.phase !== 'deploy') return undefined;
  const start = startNode(enter({ ...next, rolledBack: false }, 'start', at));
  return { state: start.state, effects: start.effects };
}

export function stepDeploy(state: RunningState, event: OperationEvent): Next {
  return event.type === 'deployed' ? startNode(enter(state, 'start', event.at)) : stay(state);
}

export function stepRollBack(state: RunningState, event: OperationEvent): Next {
  if (event.type !== 'rolledBack') return stay(state);
  const { trouble, killed } = event;
  const next: RunningState = {
    ...state,
    rolledBack: trouble === undefined,
    killed: [...state.killed, ...killed],
    ...(trouble === undefined ? {} : { trouble: add(state, trouble) }),
  };
  return startNode(enter(next, 'start', event.at));
}

function add({ trouble }: RunningState, reason: string): { code: ErrorCode; reason: string } {
  return trouble === undefined
    ? { code: 'hookFailed', reason }
    : { code: trouble.code, reason: `${trouble.reason}\n${reason}` };
}

export function stepStart(state: RunningState, event: OperationEvent): Next {
  if (startupPassed(event)) return failStart(state, event.at);
  if (event.type !== 'started') return stay(state);
  return { state: enter(state, 'health', event.at), effects: [{ type: 'awaitHealth' }] };
}

/** A start that is under way must have ended before the node can be rolled back: its failure is waited for, once. */
function failStart(state: RunningState, at: number): Next {
  const { deploy, limits } = state.spec;
  const what = 'has not started';
  if (state.hasAbandoned === true) return finish(state, at, 'failed', startupReason(state, what));
  const isOver = state.trouble !== undefined || state.rolledBack !== undefined;
  if (isOver || deploy?.canRollBack !== true) return failStartup(state, at, what);
  const again: OperationEffect = { type: 'startTimer', timer: 'startup', ms: limits.startupMs };
  return { state: { ...state, hasAbandoned: true }, effects: [{ type: 'abandonStart' }, again] };
}

export function stepHealth(state: RunningState, event: OperationEvent): Next {
  if (startupPassed(event)) return failStartup(state, event.at, 'is not healthy');
  if (event.type !== 'healthRisen') return stay(state);
  return {
    state: enter(state, 'return', event.at),
    effects: [{ type: 'cancelTimer', timer: 'startup' }, { type: 'restore' }],
  };
}

function startupTimer({ spec }: RunningState): OperationEffect {
  return { type: 'startTimer', timer: 'startup', ms: spec.limits.startupMs };
}

function startupPassed(event: OperationEvent): boolean {
  return event.type === 'timerExpired' && event.timer === 'startup';
}

function failStartup(state: RunningState, at: number, what: string): Next {
  const own = startupReason({ ...state, trouble: undefined }, what);
  return troubleOf(state, { at, ...own }) ?? finish(state, at, 'failed', startupReason(state, what));
}

function startupReason(
  { spec, trouble }: Pick<RunningState, 'spec'> & { readonly trouble?: Trouble | undefined },
  what: string,
): Trouble {
  const reason = `node "${spec.node}" ${what} ${spec.limits.startupMs} ms after its start`;
  if (trouble === undefined) return { code: 'startFailed', reason };
  return { code: trouble.code, reason: `${trouble.reason}\n${reason}` };
}

export function stepReturn(state: RunningState, event: OperationEvent): Next {
  if (event.type !== 'restored') return stay(state);
  const back = addUnproven(state, event.unproven);
  if (state.trouble !== undefined)
    return finish(back, event.at, 'failed', { ...state.trouble, isBack: true });
  const results = { start: 'started', ready: 'ready', restart: exitResult(state) } as const;
  const { kind } = state.spec;
  return finish(back, event.at, kind === 'drain' || kind === 'stop' ? 'failed' : results[kind], {});
}
