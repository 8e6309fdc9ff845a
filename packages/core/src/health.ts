import type { HealthConfig } from './config.ts';

/*
 * What repeated checks say of one node, with hysteresis:
 *
 *   unknown --rise passes in a row--> up      up --fall failures in a row--> down
 *   unknown --fall failures in a row--> down  down --rise passes in a row--> up
 */

export type HealthVerdict = 'unknown' | 'up' | 'down';

/** One finished check. `detail` says what came: `200 in 3 ms`, `connect ECONNREFUSED`, `no answer in 1000 ms`. */
export interface CheckResult {
  readonly passed: boolean;
  readonly detail: string;
  readonly ms: number;
}

export interface HealthState {
  readonly verdict: HealthVerdict;
  /** Checks in a row that said the opposite of the verdict; while unknown, how many agreed with the last one. */
  readonly streak: number;
  readonly last: CheckResult | undefined;
}

export const unknownHealth: HealthState = { verdict: 'unknown', streak: 0, last: undefined };

export function stepHealth(
  state: HealthState,
  result: CheckResult,
  limits: Pick<HealthConfig, 'rise' | 'fall'>,
): HealthState {
  const agreed = result.passed ? 'up' : 'down';
  if (state.verdict === agreed) return { verdict: agreed, streak: 0, last: result };
  const continues =
    state.last === undefined || state.last.passed === result.passed || state.verdict !== 'unknown';
  const streak = (continues ? state.streak : 0) + 1;
  const wanted = result.passed ? limits.rise : limits.fall;
  return streak >= wanted
    ? { verdict: agreed, streak: 0, last: result }
    : { verdict: state.verdict, streak, last: result };
}
