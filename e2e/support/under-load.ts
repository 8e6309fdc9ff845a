import {
  joinLedgers,
  type LedgerResult,
  type LoadOptions,
  readServerLedger,
  runLoad,
} from '@lameduck/ledger';
import type { RunningService } from './run-service.ts';

/** Runs the work while a load runs; gives the joined ledgers. The load ends also when the work fails. */
export async function underLoad(
  service: RunningService,
  options: Omit<LoadOptions, 'url'>,
  work: () => Promise<void>,
): Promise<LedgerResult> {
  return service.audit(await loadWhile({ url: service.url, ...options }, work));
}

/** The same around a master alone, whose workers keep their ledgers in this folder. */
export async function underLoadOnMaster(
  url: string,
  ledgerDir: string,
  work: () => Promise<void>,
): Promise<LedgerResult> {
  const connections = { get: 10, fresh: 10, post: 10, upload: 2, stream: 2 };
  return joinLedgers(await loadWhile({ url, connections }, work), await readServerLedger(ledgerDir));
}

async function loadWhile(options: LoadOptions, work: () => Promise<void>): Promise<LedgerResult> {
  const load = runLoad(options);
  try {
    await work();
  } finally {
    await load.stop();
  }
  return load.done;
}
