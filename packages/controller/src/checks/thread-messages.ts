import type { CheckCommand, CheckCounts, CheckTarget, HealthNews } from '../ports/health-checks.ts';

/** What the thread is given at its start. */
export interface ThreadSetup {
  readonly targets: readonly CheckTarget[];
  /** `performance.timeOrigin` of the main thread: times in the news are of its clock. */
  readonly timeOrigin: number;
  readonly jitter?: number;
}

/** To the thread: what is to change, or the question what was counted. */
export type ThreadRequest = readonly (readonly [target: number, command: CheckCommand])[] | 'counts';

/** From the thread. */
export type ThreadNews = readonly HealthNews[] | CheckCounts;
