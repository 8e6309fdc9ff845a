import type { MasterStatus, NodeState, NodeTraffic, WorkerStatus } from '@lameduck/core';
import { currentState, type NodeRecord } from '../node-record.ts';
import { inFlightOf } from '../traffic-summary.ts';
import type { TrafficReading } from '../traffic-watch.ts';
import { latencyBuckets } from './collect-edges.ts';
import { families } from './families.ts';
import type { MetricsPage } from './page.ts';
import type { Tally } from './tally.ts';

const states: readonly NodeState[] = ['ready', 'draining', 'drained', 'stopped', 'starting', 'unhealthy'];
const workerStates: readonly WorkerStatus['state'][] = ['booting', 'ready', 'draining'];

/** What the nodes are, what came to them, and what became of them in operations. */
export function collectNodes(
  page: MetricsPage,
  records: readonly NodeRecord[],
  reading: TrafficReading,
  sums: ReadonlyMap<string, NodeTraffic>,
  tally: Tally,
): void {
  for (const record of records) {
    const { name } = record.config;
    const state = currentState(record);
    for (const one of states) page.add(families.nodeState, [name, one], Number(one === state));
    page.add(families.nodeInRotation, [name], Number(record.out.size === 0));
    page.add(families.nodeHealthy, [name], Number(record.health.verdict === 'up'));
    page.add(families.nodeWeight, [name], record.weight);
    page.add(families.nodeInFlight, [name], inFlightOf(record, reading.edges));
    const sum = sums.get(name);
    if (sum !== undefined) page.addHistogram(families.nodeDuration, [name], latencyBuckets(sum));
    const counted = tally.nodes.get(name);
    if (counted === undefined) continue;
    page.add(families.healthChanges, [name], counted.healthChanges);
    page.add(families.answered, [name], counted.answered);
    page.add(families.lost, [name], counted.lost);
    page.add(families.killed, [name], counted.killed);
  }
}

/** What our own masters tell of their workers; sums, since labels of pids never end. */
export function collectWorkers(page: MetricsPage, masters: ReadonlyMap<string, MasterStatus>): void {
  for (const [node, { workers, generation, crashes, target }] of masters) {
    const sum = (read: (worker: WorkerStatus) => number): number =>
      workers.reduce((total, worker) => total + read(worker), 0);
    for (const state of workerStates)
      page.add(
        families.nodeWorkers,
        [node, state],
        workers.filter((worker) => worker.state === state).length,
      );
    page.add(families.nodeGeneration, [node], generation);
    page.add(
      families.workersInFlight,
      [node],
      sum(({ inFlight }) => inFlight),
    );
    page.add(
      families.connectionsOpen,
      [node],
      sum(({ open }) => open),
    );
    page.add(
      families.connectionsIdle,
      [node],
      sum(({ idle }) => idle),
    );
    page.add(
      families.workersMemory,
      [node],
      sum(({ rssBytes }) => rssBytes),
    );
    page.add(families.workersLag, [node], Math.max(0, ...workers.map(({ loopLagMs }) => loopLagMs)) / 1000);
    page.add(families.workerCrashes, [node], crashes);
    page.add(families.workersTarget, [node], target);
  }
}
