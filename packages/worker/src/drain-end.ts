/*
 * The end of the life that `drain.ts` draws: what is left has been cut, or nothing was; the shutdown hooks run, and the
 * process exits.
 */
import type {
  DrainEffect,
  DrainEvent,
  DrainExitCode,
  DrainPlan,
  DrainState,
  DrainTimer,
  DrainTransition,
  WithBudgets,
  WithCut,
} from './drain-state.ts';

/** Of a quick stop, for the shutdown hooks: requests must not use up their time. */
const quickShutdownShare = 1 / 3;

/** What is left is being named and cut. */
export function stepAborting(state: WithCut<'aborting'>, event: DrainEvent): DrainTransition {
  if (event.type === 'quit') return stay({ ...state, budgets: hurried(state.budgets) });
  if (event.type !== 'aborted') return stay(state);
  const { budgets, cut } = state;
  return toStopping(budgets, [...cut, ...event.requests], [startTimer('shutdown', budgets.shutdownMs)]);
}

/** No connection is left: the hooks run. */
export function stepStopping(
  state: WithBudgets<'stopping'> & { readonly aborted: readonly string[] },
  event: DrainEvent,
): DrainTransition {
  const { budgets, aborted } = state;
  switch (event.type) {
    case 'quit':
      return { state, effects: [startTimer('shutdown', budgets.quickMs)] };
    case 'graceShortened':
      return { state, effects: [startTimer('grace', Math.min(budgets.graceMs, event.graceMs))] };
    case 'timerExpired':
      // What the requests have left over was the hooks' to use; from here on they have their own time.
      if (event.timer === 'grace') return { state, effects: [startTimer('shutdown', budgets.shutdownMs)] };
      return event.timer === 'shutdown' ? toExited(aborted, 5, [{ type: 'tellShutdownCut' }]) : stay(state);
    case 'shutdownEnded':
      return toExited(aborted, aborted.length > 0 ? 5 : event.isClean ? 0 : 1);
    default:
      return stay(state);
  }
}

/** The one way out. */
export function toExited(
  aborted: readonly string[],
  code: DrainExitCode,
  before: readonly DrainEffect[] = [],
): DrainTransition {
  return { state: { phase: 'exited', code, aborted }, effects: [...before, exitEffect(code, aborted)] };
}

/** The hooks, with what is left of the grace period unless `before` starts their own time. */
export function toStopping(
  budgets: DrainPlan,
  aborted: readonly string[],
  before: readonly DrainEffect[] = [],
): DrainTransition {
  return {
    state: { phase: 'stopping', budgets, aborted },
    effects: [...before, { type: 'runShutdown', aborted }],
  };
}

/** The plan of a quick stop. */
export function hurried(budgets: DrainPlan): DrainPlan {
  const shutdownMs = Math.min(budgets.shutdownMs, budgets.quickMs - quickGraceMs(budgets));
  return { ...budgets, lingerMs: 0, handOff: false, shutdownMs };
}

/** Of a quick stop, until what is left is cut. */
export function quickGraceMs({ quickMs }: DrainPlan): number {
  return quickMs - Math.round(quickMs * quickShutdownShare);
}

/** A timer that runs already keeps its end, if that is earlier. */
export function startTimer(timer: DrainTimer, ms: number): DrainEffect {
  return { type: 'startTimer', timer, ms };
}

function exitEffect(code: DrainExitCode, aborted: readonly string[]): DrainEffect {
  return { type: 'exit', code, aborted };
}

/** The event changes nothing here. */
export function stay(state: DrainState): DrainTransition {
  return { state, effects: [] };
}
