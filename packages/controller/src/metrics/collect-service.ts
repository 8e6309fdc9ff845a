import { operationKinds, type RolloutStatus } from '@lameduck/core';
import type { NodeRecord } from '../node-record.ts';
import type { CheckCounts } from '../ports/health-checks.ts';
import { families } from './families.ts';
import type { MetricsPage } from './page.ts';
import type { Tally } from './tally.ts';

/** The health checks; `counts` has one entry for each record, in their order. */
export function collectChecks(
  page: MetricsPage,
  records: readonly NodeRecord[],
  { passed, failed, lastMs, durations }: CheckCounts,
): void {
  for (const [place, { config }] of records.entries()) {
    page.add(families.checks, [config.name, 'passed'], passed[place] ?? 0);
    page.add(families.checks, [config.name, 'failed'], failed[place] ?? 0);
    const ms = lastMs[place] ?? Number.NaN;
    if (!Number.isNaN(ms)) page.add(families.checkLast, [config.name], ms / 1000);
  }
  page.addHistogram(families.checkDuration, [], durations);
}

/** Operations that have ended, and those under way; `now` is of the controller's clock. */
export function collectOperations(
  page: MetricsPage,
  records: readonly NodeRecord[],
  tally: Tally,
  now: number,
): void {
  for (const [kind, byResult] of tally.operations) {
    for (const [result, count] of byResult) page.add(families.operations, [kind, result], count);
  }
  for (const kind of operationKinds) {
    const ages = records.flatMap(({ operation }) =>
      operation?.kind === kind ? [now - operation.beganAt] : [],
    );
    page.add(families.operationsUnderWay, [kind], ages.length);
    page.add(families.operationAge, [kind], Math.max(0, ...ages) / 1000);
  }
  for (const [phase, duration] of tally.phases) page.addHistogram(families.phaseDuration, [phase], duration);
}

const rolloutStates = ['running', 'paused', 'soaking', 'aborting'] as const;

/** Rollouts that have ended, and the one under way. */
export function collectRollouts(page: MetricsPage, status: RolloutStatus | undefined, tally: Tally): void {
  for (const [result, count] of tally.rollouts) page.add(families.rollouts, [result], count);
  for (const state of rolloutStates)
    page.add(families.rolloutsUnderWay, [state], Number(status?.state === state));
}

/** The controller's own process and its store. */
export function collectProcess(page: MetricsPage, tally: Tally, loopLagMs: number): void {
  const { user, system } = process.cpuUsage();
  page.add(families.startTime, [], Math.round(performance.timeOrigin) / 1000);
  page.add(families.cpu, [], (user + system) / 1e6);
  page.add(families.memory, [], process.memoryUsage.rss());
  page.add(families.loopLag, [], loopLagMs / 1000);
  for (const [call, { duration, failures }] of Object.entries(tally.store)) {
    page.addHistogram(families.storeDuration, [call], duration);
    page.add(families.storeFailures, [call], failures);
  }
}
