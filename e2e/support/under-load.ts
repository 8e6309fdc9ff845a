import { type LedgerResult, type LoadOptions, runLoad } from '@lameduck/ledger';
import type { RunningService } from './run-service.ts';

/** Runs the work while a load runs; gives the joined ledgers. The load ends also when the work fails. */
export async function underLoad(
  service: RunningService,
  options: Omit<LoadOptions, 'url'>,
  work: () => Promise<void>,
): Promise<LedgerResult> {
  const load = runLoad({ url: service.url, ...options });
  try {
    await work();
  } finally {
    await load.stop();
  }
  return service.audit(await load.done);
}
