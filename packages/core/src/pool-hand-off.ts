import type { PoolState } from './pool-state.ts';

/**
 * The workers that can take over the connections of one that leaves: those that are ready, of the newest generation
 * that has any, so that nothing is moved twice in a reload. None while the pool stops: then connections linger.
 */
export function takersOf(state: PoolState): readonly number[] {
  if (state.phase === 'stopping' || state.phase === 'stopped') return [];
  const ready = state.workers.filter((worker) => worker.state === 'ready');
  const newest = Math.max(...ready.map((worker) => worker.generation));
  return ready.filter((worker) => worker.generation === newest).map((worker) => worker.id);
}
