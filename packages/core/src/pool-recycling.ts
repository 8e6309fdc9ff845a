import { type Draft, retireSurplus, spawnSome, staying } from './pool-places.ts';
import type { PoolWorker } from './pool-state.ts';

function isWorn(worker: PoolWorker): boolean {
  return worker.state === 'ready' && worker.isWorn === true;
}

/** A killed worker is gone in a moment; any other that leaves may take its whole grace period. */
function isLeaving(worker: PoolWorker): boolean {
  return worker.state === 'draining' && !worker.isKilled;
}

/**
 * Replaces worn workers ready-first: beside those that serve, as many may boot, or wait for their next try after a
 * crash, as are worn and may be replaced at once; those that are leaving count, too.
 */
export function settleWorn(draft: Draft): void {
  const { target, settings, generation } = draft.state;
  retireSurplus(draft, (worker) => worker.isAvailable === true, target);
  const { workers } = draft.state;
  const room = settings.maxRecycling - workers.filter(isLeaving).length;
  const most = target + Math.max(0, Math.min(workers.filter(isWorn).length, room));
  retireSurplus(draft, () => true, most);
  spawnSome(draft, generation, most - staying(draft).length);
}
