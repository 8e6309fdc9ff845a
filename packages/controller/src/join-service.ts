import type { NodeRecord } from './node-record.ts';
import { applyWishes, findProcess, openEdges, type ServiceLife } from './service-life.ts';
import { findInterrupted, settleInterrupted } from './take-over.ts';

/**
 * Takes up a service that somebody else runs: nodes that run are adopted, those that do not stay `stopped`, nothing is
 * started or signalled but what an interrupted operation still asks for. Edges that are ours (managed) are started
 * where they do not run: nobody else could. Always adopted, as the answer says.
 */
export async function joinService(life: ServiceLife, signal: AbortSignal): Promise<true> {
  await Promise.all(life.records.map(findProcess));
  const interrupted = await findInterrupted(life);
  await applyWishes(life);
  for (const record of life.records) respectStart(record);
  await openEdges(life, true, signal);
  await life.pause.takeOver(true);
  await life.weights.takeOver();
  const resumed = await settleInterrupted(life, interrupted, signal);
  const others = life.records.filter((record) => !resumed.has(record));
  await Promise.all([...resumed.values(), ...others.map((record) => joinNode(life, record, signal))]);
  return true;
}

/** Lets go of edges and nodes, which go on as they are. */
export async function releaseService({ edges }: ServiceLife): Promise<void> {
  await edges.release();
}

/** An operator has stopped it, and somebody has started it since: it may run, and stays out until `ready`. */
function respectStart(record: NodeRecord): void {
  if (record.process !== undefined) record.out.delete('stopped');
}

/** A node that has served all the while needs no proof, but the guard must know of its health before anybody acts. */
async function joinNode(life: ServiceLife, record: NodeRecord, signal: AbortSignal): Promise<void> {
  if (record.process === undefined) return;
  life.revival.follow(record, record.process);
  await life.monitor.known(record, signal);
}
