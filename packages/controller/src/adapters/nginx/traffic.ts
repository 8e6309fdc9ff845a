import { type NodeTraffic, noTraffic } from '@lameduck/core';
import type { EdgeTraffic } from '../../ports/edge.ts';
import { isNginx, shareInFlight } from './in-flight.ts';
import type { Opened } from './opened.ts';

/** What the log phase of this edge counted, and what is under way. Throws `edgeUnproven` where the edge is silent. */
export async function readTraffic(
  opened: Opened,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, EdgeTraffic>> {
  const names = opened.spec.nodes.map(({ name }) => name);
  const [counted, reading] = await Promise.all([
    opened.client.readTraffic(signal),
    opened.client.recentGate(signal),
  ]);
  const inFlight = shareInFlight(reading, names, isNginx);
  return new Map(names.map((name) => [name, join(counted.get(name), inFlight.get(name) ?? 0)]));
}

const idle: EdgeTraffic = { ...noTraffic, inFlight: 0 };

function join(counted: NodeTraffic | undefined, inFlight: number): EdgeTraffic {
  if (counted === undefined) return inFlight === 0 ? idle : { ...noTraffic, inFlight };
  return { ...counted, inFlight };
}
