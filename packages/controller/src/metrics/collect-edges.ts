import { addTraffic, latencyBucketsMs, type NodeTraffic, noTraffic } from '@lameduck/core';
import type { NodeRecord } from '../node-record.ts';
import type { EdgeStatus } from '../ports/edge.ts';
import type { EdgeAnswer, TrafficReading } from '../traffic-watch.ts';
import { families } from './families.ts';
import type { Buckets, MetricsPage } from './page.ts';

const bounds = latencyBucketsMs.map((ms) => ms / 1000);

/** Latency as a histogram in seconds. */
export function latencyBuckets({ latency, latencySumMs }: NodeTraffic): Buckets {
  return { bounds, counts: latency, sum: latencySumMs / 1000 };
}

/** What the edges are and have counted. */
export function collectEdges(
  page: MetricsPage,
  statuses: readonly EdgeStatus[],
  reading: TrafficReading,
  records: readonly NodeRecord[],
): void {
  for (const status of statuses) collectEdge(page, status, records);
  for (const [edge, answer] of reading.edges) collectTraffic(page, edge, answer);
}

function collectEdge(page: MetricsPage, status: EdgeStatus, records: readonly NodeRecord[]): void {
  const { name, mode, state } = status;
  page.add(families.edgeUp, [name], Number(state === 'ready' || state === 'reloading'));
  for (const one of ['gate', 'reload']) page.add(families.edgeMode, [name, one], Number(one === mode));
  page.add(families.edgeConverged, [name], Number(isConverged(status, records)));
  if (status.generation !== undefined) {
    page.add(families.edgeGeneration, [name], status.generation);
    page.add(families.edgeReloads, [name], Math.max(0, status.generation - 1));
  }
  if (status.gateChanges !== undefined) page.add(families.edgeGateChanges, [name], status.gateChanges);
}

/** An edge that does not answer is not believed to be as it shall be. */
function isConverged({ state, out }: EdgeStatus, records: readonly NodeRecord[]): boolean {
  if (state !== 'ready') return false;
  const wanted = records.filter((record) => record.out.size > 0);
  return wanted.length === out.length && wanted.every(({ config }) => out.includes(config.name));
}

function collectTraffic(page: MetricsPage, edge: string, answer: EdgeAnswer): void {
  if (answer === 'silent') return;
  page.add(families.edgeCounts, [edge], Number(answer !== 'uncounted'));
  if (answer === 'uncounted') return;
  let sum: NodeTraffic = noTraffic;
  for (const [node, traffic] of answer) {
    page.add(families.nodeRequests, [node, edge], traffic.requests);
    page.add(families.nodeErrors, [node, edge], traffic.errors);
    if (traffic.requests > 0) sum = addTraffic(sum, traffic);
  }
  page.addHistogram(families.edgeDuration, [edge], latencyBuckets(sum));
}
