import type { CheckCommand, CheckTarget, HealthNews } from '../ports/health-checks.ts';

/** What the thread is given at its start. */
export interface ThreadSetup {
  readonly targets: readonly CheckTarget[];
  /** `performance.timeOrigin` of the main thread: times in the news are of its clock. */
  readonly timeOrigin: number;
  readonly jitter?: number;
}

/** To the thread. */
export type ThreadRequest = readonly (readonly [target: number, command: CheckCommand])[];

/** From the thread. */
export type ThreadNews = readonly HealthNews[];
