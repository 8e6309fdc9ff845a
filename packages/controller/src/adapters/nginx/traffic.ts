import { noTraffic } from '@lameduck/core';
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
    opened.client.readGate(signal),
  ]);
  const inFlight = shareInFlight(reading, names, isNginx);
  return new Map(
    names.map((name) => [name, { ...(counted.get(name) ?? noTraffic), inFlight: inFlight.get(name) ?? 0 }]),
  );
}
