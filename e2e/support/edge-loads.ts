import { type LedgerResult, runLoad } from '@lameduck/ledger';
import type { RunningService } from './run-service.ts';

/** Of each edge; several of them share a machine. */
const connections = { get: 6, fresh: 3, post: 6, upload: 1, stream: 1 };
/** For what takes long: three loads at full rate leave the processes under test too little of a small machine. */
export const gentleRate = 6;

/** Load on these edges of 127.0.0.1 while the work is done; the joined ledger of each. */
export async function loadOn(
  service: RunningService,
  ports: readonly number[],
  work: () => Promise<void>,
  ratePerConnection?: number,
): Promise<readonly LedgerResult[]> {
  const rate = ratePerConnection === undefined ? {} : { ratePerConnection };
  const loads = ports.map((port) => runLoad({ url: `http://127.0.0.1:${port}`, connections, ...rate }));
  try {
    await work();
  } finally {
    await Promise.all(loads.map((load) => load.stop()));
  }
  return Promise.all(loads.map(async (load) => service.audit(await load.done)));
}
