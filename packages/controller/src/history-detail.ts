import type { HistoryDetail, HistoryEntry, StepView } from '@lameduck/core';
import type { OperationFeed } from './events/operation-feed.ts';
import type { ServiceStore } from './store/service-store.ts';

/** One entry of the history with its steps: from its report, or live while it runs. */
export async function describeHistory(
  id: number,
  store: ServiceStore,
  live: Pick<OperationFeed, 'stepsOf'>,
): Promise<HistoryDetail | undefined> {
  const entry = await store.historyEntry(id);
  if (entry === undefined) return undefined;
  return { ...entry, proofs: entry.proofs ?? [], steps: live.stepsOf(id) ?? stepsOf(entry) };
}

/** Each phase begins where the one before it ended. */
function stepsOf({ beganAt, report }: HistoryEntry): readonly StepView[] {
  if (report === undefined || report.operation === 'rollout') return [];
  let at = Date.parse(beganAt);
  return report.phases.map(({ name, ms }) => {
    const step = { name, beganAt: new Date(at).toISOString(), ms };
    at += ms;
    return step;
  });
}
