import {
  addTraffic,
  type NodeTraffic,
  noTraffic,
  quantile,
  type TrafficRates,
  type TrafficSample,
} from '@lameduck/core';
import type { NodeRecord } from './node-record.ts';
import type { TrafficDifference } from './traffic-difference.ts';
import type { TrafficReading } from './traffic-watch.ts';

/** What all edges together counted for each node, and for all. */
export function summarize(
  records: readonly NodeRecord[],
  { edges }: TrafficReading,
  difference: TrafficDifference,
): Pick<TrafficSample, 'nodes' | 'total' | 'uncounted'> {
  let total = noTraffic;
  const nodes: Record<string, TrafficRates & { inFlight: number }> = {};
  for (const record of records) {
    const { name } = record.config;
    const sum = difference.get(name) ?? noTraffic;
    nodes[name] = { ...ratesOf(sum), inFlight: inFlightOf(record, edges) };
    if (sum.requests > 0) total = addTraffic(total, sum);
  }
  const uncounted = [...edges].flatMap(([edge, answer]) => (answer === 'uncounted' ? [edge] : []));
  return { nodes, total: ratesOf(total), ...(uncounted.length === 0 ? {} : { uncounted }) };
}

/** As its edges say; where none does, what was known last. */
export function inFlightOf(record: NodeRecord, edges: TrafficReading['edges']): number {
  let sum: number | undefined;
  for (const answer of edges.values()) {
    if (typeof answer !== 'string') sum = (sum ?? 0) + (answer.get(record.config.name)?.inFlight ?? 0);
  }
  return sum ?? record.inFlight;
}

function ratesOf({ requests, errors, latency }: NodeTraffic): TrafficRates {
  if (requests === 0) return { requests, errors };
  const p50Ms = quantile(latency, 0.5);
  const p99Ms = quantile(latency, 0.99);
  return p50Ms === undefined || p99Ms === undefined
    ? { requests, errors }
    : { requests, errors, p50Ms, p99Ms };
}
