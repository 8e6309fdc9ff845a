import type { ErrorCode } from './errors.ts';
import {
  awaitHealth,
  bringBack,
  exitResult,
  rollBack,
  startNode,
  stepDeploy,
  stepHealth,
  stepReturn,
  stepRollBack,
  stepStart,
  troubleOf,
} from './operation-return.ts';
import {
  addUnproven,
  enter,
  finish,
  type Next,
  type OperationEffect,
  type OperationEvent,
  type OperationSpec,
  type OperationState,
  type Progress,
  type ResumePhase,
  type RunningState,
  stay,
} from './operation-state.ts';
import type { PhaseName } from './report.ts';

/*
 * One operation on one node: the reference procedure and its way back.
 *
 * A refusal of the guard ends it, unless it is forced; a node that leaves in any case (`patienceMs`) waits in `check` for its turn instead,
 * and is taken out when its patience is over.
 *
 *   drain    check > remove > drain > done
 *   stop     check > remove > drain > terminate > wait [> kill] > done
 *   start                                                  start > health > return > done
 *   restart  check > remove > drain > terminate > wait [> kill] > start > health > return > done
 *   ready                                                          health > return > done
 *
 * A restart that deploys (`deploy`) has a hook between end and start, and a way back from a version that fails:
 *
 *   … wait [> kill] > deploy > start > health > return > done
 *                       └────────┴───────┴──> rollBack > start > health > return > done (failed, but back)
 *
 * An operation whose controller ended in it is taken up at `resumeAt` (see `interruption.ts`).
 *
 * Invariants (each a property test):
 *   - `terminate` is only asked for after every edge has proved that it cannot pick the node;
 *   - `kill` is only asked for after the grace period and its margin have passed since SIGTERM was sent;
 *   - `restore` is only asked for after the node's health has risen;
 *   - `finish` is asked for exactly once, and nothing is asked for after it.
 */

export function beginOperation(spec: OperationSpec): OperationState {
  return { phase: 'idle', spec };
}

/** The transition for one event; an event that the phase does not wait for changes nothing. */
export function stepOperation(state: OperationState, event: OperationEvent): Next {
  if (state.phase === 'done') return { state, effects: [] };
  if (state.phase === 'idle')
    return event.type === 'begun' ? begin(state.spec, event.at) : { state, effects: [] };
  if (event.type === 'failed')
    return troubleOf(state, event) ?? finish(state, event.at, 'failed', reasonOf(state, event));
  if (event.type === 'inFlightChanged') return observeInFlight(state, event.count, event.at);
  return reducers[state.phase](state, event);
}

/** What went wrong first is the reason; what then kept the node from coming back is added. */
function reasonOf(
  { trouble }: RunningState,
  event: Extract<OperationEvent, { type: 'failed' }>,
): { code: ErrorCode; reason: string } {
  if (trouble === undefined) return { code: event.code, reason: event.reason };
  return { code: trouble.code, reason: `${trouble.reason}\n${event.reason}` };
}

type Reducer = (state: RunningState, event: OperationEvent) => Next;

const reducers: Readonly<Record<PhaseName, Reducer>> = {
  check: stepCheck,
  remove: stepRemove,
  drain: stepDrain,
  terminate: stepTerminate,
  wait: stepWait,
  kill: stepKill,
  deploy: stepDeploy,
  rollBack: stepRollBack,
  start: stepStart,
  health: stepHealth,
  return: stepReturn,
};

function begin(spec: OperationSpec, at: number): Next {
  const progress: Progress = {
    spec,
    beganAt: at,
    phaseBeganAt: at,
    phases: [],
    inFlight: 0,
    inFlightNow: 0,
    overdue: 0,
    killed: [],
  };
  if (spec.resumeAt !== undefined) return resume({ ...progress, phase: spec.resumeAt }, spec.resumeAt);
  if (spec.kind === 'start') return startNode({ ...progress, phase: 'start' });
  if (spec.kind === 'ready') return awaitHealth({ ...progress, phase: 'health' });
  const patience: readonly OperationEffect[] =
    spec.patienceMs === undefined ? [] : [{ type: 'startTimer', timer: 'patience', ms: spec.patienceMs }];
  return { state: { ...progress, phase: 'check' }, effects: [...patience, { type: 'checkGuard' }] };
}

/** The node is out of rotation and stays so: nothing is to be proved again. */
function resume(state: RunningState, phase: ResumePhase): Next {
  switch (phase) {
    case 'terminate':
      return terminate(state);
    case 'wait':
      return awaitExit(state);
    case 'kill':
      return { state, effects: [{ type: 'kill' }] };
    case 'rollBack':
      return rollBack(state);
    case 'start':
      return startNode(state);
  }
}

function stepCheck(state: RunningState, event: OperationEvent): Next {
  switch (event.type) {
    case 'guardRefused':
      return refuse(state, event.reason, event.at);
    case 'turnCame':
      return { state, effects: [{ type: 'checkGuard' }] };
    case 'timerExpired':
      return event.timer === 'patience' ? { state, effects: [{ type: 'overruleGuard' }] } : stay(state);
    case 'guardPassed':
      return removeNode(state, event.overruled, event.at);
    default:
      return stay(state);
  }
}

function refuse(state: RunningState, reason: string, at: number): Next {
  if (state.spec.isForced === true) return { state, effects: [{ type: 'overruleGuard' }] };
  return state.spec.patienceMs === undefined
    ? finish(state, at, 'refused', { code: 'refused', reason })
    : { state, effects: [{ type: 'awaitTurn' }] };
}

function removeNode(state: RunningState, overruled: string | undefined, at: number): Next {
  const next = overruled === undefined ? state : { ...state, overruled };
  return {
    state: enter(next, 'remove', at),
    effects: [{ type: 'cancelTimer', timer: 'patience' }, { type: 'remove' }],
  };
}

function stepRemove(state: RunningState, event: OperationEvent): Next {
  if (event.type !== 'removed') return stay(state);
  const proved = event.edges === undefined ? state : { ...state, edges: event.edges };
  return {
    state: enter(addUnproven(proved, event.unproven), 'drain', event.at),
    effects: [
      { type: 'startTimer', timer: 'drain', ms: state.spec.limits.drainMs },
      { type: 'watchInFlight' },
    ],
  };
}

/** The node is proved out: from here its own drain is safe, so a request that never ends only delays SIGTERM. */
function stepDrain(state: RunningState, event: OperationEvent): Next {
  return event.type === 'timerExpired' && event.timer === 'drain' ? leaveDrain(state, event.at) : stay(state);
}

function leaveDrain(state: RunningState, at: number): Next {
  const cancel: OperationEffect = { type: 'cancelTimer', timer: 'drain' };
  if (state.spec.kind === 'drain') return finish(state, at, 'drained', {}, [cancel]);
  const next = terminate(enter(state, 'terminate', at));
  return { state: next.state, effects: [cancel, ...next.effects] };
}

function terminate(state: RunningState): Next {
  // begun before the signal is sent: the node must not cut what is left before we have counted it
  const grace: OperationEffect = { type: 'startTimer', timer: 'grace', ms: state.spec.limits.graceMs };
  return { state, effects: [grace, { type: 'terminate' }] };
}

function observeInFlight(state: RunningState, count: number, at: number): Next {
  const next = { ...state, inFlight: Math.max(state.inFlight, count), inFlightNow: count };
  return state.phase === 'drain' && count === 0 ? leaveDrain(next, at) : { state: next, effects: [] };
}

function stepTerminate(state: RunningState, event: OperationEvent): Next {
  if (isOverdue(event)) return stay({ ...state, overdue: state.inFlightNow });
  if (event.type !== 'signalled') return stay(state);
  return awaitExit(enter(state, 'wait', event.at));
}

function awaitExit(state: RunningState): Next {
  const { graceMs, marginMs } = state.spec.limits;
  return {
    state,
    effects: [{ type: 'startTimer', timer: 'kill', ms: graceMs + marginMs }, { type: 'awaitExit' }],
  };
}

const cancelWait: readonly OperationEffect[] = [
  { type: 'cancelTimer', timer: 'grace' },
  { type: 'cancelTimer', timer: 'kill' },
];

function stepWait(state: RunningState, event: OperationEvent): Next {
  if (event.type === 'exited') return afterExit(state, event.at, cancelWait);
  if (event.type !== 'timerExpired') return stay(state);
  if (isOverdue(event)) return stay({ ...state, overdue: state.inFlightNow });
  if (event.timer !== 'kill') return stay(state);
  return {
    state: enter({ ...state, overdue: Math.max(state.overdue, state.inFlightNow) }, 'kill', event.at),
    effects: [...cancelWait, { type: 'kill' }],
  };
}

/** What is still under way when the node's own deadline passes is what the node aborts. */
function isOverdue(event: OperationEvent): boolean {
  return event.type === 'timerExpired' && event.timer === 'grace';
}

function stepKill(state: RunningState, event: OperationEvent): Next {
  // between the deadline and the kill it may have ended by itself: then nothing was killed
  if (event.type !== 'killed') return stay(state);
  return afterExit({ ...state, killed: event.pids }, event.at, []);
}

function afterExit(state: RunningState, at: number, effects: readonly OperationEffect[]): Next {
  if (state.spec.kind === 'restart') {
    const next = bringBack(state, at);
    return { state: next.state, effects: [...effects, ...next.effects] };
  }
  return finish(state, at, exitResult(state), {}, effects);
}
