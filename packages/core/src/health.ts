import { formatMs } from './duration.ts';
import { fellAgain, noFalls, type RecentFalls } from './flap-damping.ts';

/*
 * What repeated checks say of one node, with hysteresis:
 *
 *   unknown --rise passes in a row--> up      up --fall failures in a row, or too many errors--> down
 *   unknown --fall failures in a row--> down  down --rise passes in a row, not held--> up
 *
 * Invariants: results that alternate change nothing where rise or fall is above 1; a verdict changes at exactly the
 * `rise`th or `fall`th result in a row; a node that fell again and again is held down, never longer than the cap.
 */

export type HealthVerdict = 'unknown' | 'up' | 'down';

/** One finished check. `detail` says what came: `status 200`, `connect ECONNREFUSED`, `no answer in 1000 ms`. */
export interface CheckResult {
  readonly passed: boolean;
  readonly detail: string;
  readonly ms: number;
}

/** Why and when a verdict became what it is; `atMs` is of the controller's monotonic clock. */
export interface HealthChange {
  readonly from: HealthVerdict;
  readonly to: HealthVerdict;
  readonly reason: string;
  readonly atMs: number;
}

export interface HealthState {
  readonly verdict: HealthVerdict;
  /** Checks in a row that said the opposite of the verdict; while unknown, how many agreed with the last one. */
  readonly streak: number;
  readonly last: CheckResult | undefined;
  readonly change: HealthChange | undefined;
  readonly falls: RecentFalls;
}

export interface HealthLimits {
  readonly rise: number;
  readonly fall: number;
}

export const unknownHealth: HealthState = {
  verdict: 'unknown',
  streak: 0,
  last: undefined,
  change: undefined,
  falls: noFalls,
};

/** The state after one more result. */
export function stepHealth(
  state: HealthState,
  result: CheckResult,
  limits: HealthLimits,
  atMs: number,
): HealthState {
  const agreed = result.passed ? 'up' : 'down';
  if (state.verdict === agreed) return { ...state, streak: 0, last: result };
  const continues =
    state.last === undefined || state.last.passed === result.passed || state.verdict !== 'unknown';
  const streak = (continues ? state.streak : 0) + 1;
  const wanted = result.passed ? limits.rise : limits.fall;
  const next = { ...state, streak, last: result };
  if (streak < wanted || (result.passed && isHeld(state, atMs))) return next;
  return turned(next, agreed, `${inARow(streak, result.passed)}: ${result.detail}`, atMs);
}

/** The edges counted too many errors: down until the checks have risen again. A node that is down stays as it is. */
export function failPassively(state: HealthState, reason: string, atMs: number): HealthState {
  return state.verdict === 'down' ? state : turned(state, 'down', reason, atMs);
}

/** Whether the node has to stay down although its checks pass, because it fell again and again. */
export function isHeld(state: HealthState, atMs: number): boolean {
  return state.verdict === 'down' && atMs < state.falls.heldUntilMs;
}

/** Whether only damping keeps the node down: its checks have risen. */
export function isOnlyHeld(state: HealthState, limits: Pick<HealthLimits, 'rise'>, atMs: number): boolean {
  return isHeld(state, atMs) && state.last?.passed === true && state.streak >= limits.rise;
}

/** Why a node is down, for people; `undefined` for one that is not. */
export function explainDown(state: HealthState, atMs: number): string | undefined {
  if (state.verdict !== 'down') return undefined;
  const why = state.change?.reason ?? state.last?.detail;
  if (!isHeld(state, atMs)) return why;
  const { count, heldUntilMs } = state.falls;
  return `kept out for ${formatMs(heldUntilMs - atMs)} more, it failed ${count} times in a short time: ${why}`;
}

function turned(state: HealthState, to: 'up' | 'down', reason: string, atMs: number): HealthState {
  const isFall = state.verdict === 'up' && to === 'down';
  return {
    ...state,
    verdict: to,
    streak: 0,
    change: { from: state.verdict, to, reason, atMs },
    falls: isFall ? fellAgain(state.falls, atMs) : state.falls,
  };
}

function inARow(count: number, passed: boolean): string {
  const verb = passed ? 'passed' : 'failed';
  return count === 1 ? `1 check ${verb}` : `${count} checks in a row ${verb}`;
}
