import type { Config, MasterStatus, Panic, RolloutStatus } from '@lameduck/core';
import type { NodeRecord } from '../node-record.ts';
import type { Clock } from '../ports/clock.ts';
import type { Edge, EdgeStatus } from '../ports/edge.ts';
import type { HealthChecks } from '../ports/health-checks.ts';
import type { TrafficWatch } from '../traffic-watch.ts';
import { edgeStatus } from '../views.ts';
import { askArbiter, collectArbiters, type ToldArbiter } from './collect-arbiters.ts';
import { collectEdges } from './collect-edges.ts';
import { collectNodes, collectWorkers } from './collect-nodes.ts';
import { collectChecks, collectOperations, collectProcess, collectRollouts } from './collect-service.ts';
import { families } from './families.ts';
import { LoopLag } from './loop-lag.ts';
import { NodeSums } from './node-sums.ts';
import { MetricsPage } from './page.ts';
import type { Tally } from './tally.ts';

/** What a scrape waits for an edge or a master, at most. */
const askTimeoutMs = 1000;
/** Masters, and arbiters, asked at once. */
const lanes = 16;

export interface MetricsParts {
  readonly config: Config;
  readonly version: string;
  readonly records: readonly NodeRecord[];
  readonly edges: readonly Edge[];
  readonly checks: HealthChecks;
  readonly traffic: TrafficWatch;
  readonly tally: Tally;
  readonly clock: Clock;
  readonly panic: () => Panic | undefined;
  /** The one under way, or the last one. */
  readonly rollout: () => RolloutStatus | undefined;
}

/** The controller in Prometheus' text format. */
export interface Metrics {
  /** Two at once share one page. Never rejects: an edge that does not answer is shown as down. */
  render(): Promise<string>;
  close(): void;
}

export function createMetrics(parts: MetricsParts): Metrics {
  const sums = new NodeSums();
  const lag = new LoopLag();
  let rendering: Promise<string> | undefined;
  return {
    render: () => {
      rendering ??= renderPage(parts, sums, lag).finally(() => {
        rendering = undefined;
      });
      return rendering;
    },
    close: () => lag.close(),
  };
}

async function renderPage(parts: MetricsParts, sums: NodeSums, lag: LoopLag): Promise<string> {
  const { records, tally, config } = parts;
  const signal = AbortSignal.timeout(askTimeoutMs);
  const [statuses, reading, masters, arbiters, counts] = await Promise.all([
    Promise.all(parts.edges.map((edge) => statusOf(edge, signal))),
    parts.traffic.read(),
    askMasters(records),
    askArbiters(records),
    parts.checks.counts(),
  ]);
  const page = new MetricsPage();
  page.add(families.buildInfo, [parts.version, process.versions.node, config.service], 1);
  page.add(families.panic, [], Number(parts.panic() !== undefined));
  page.add(families.minAvailable, [], config.availability.minAvailable);
  collectEdges(page, statuses, reading, records);
  collectNodes(page, records, reading, sums.add(reading), tally);
  collectWorkers(page, masters);
  collectArbiters(page, arbiters);
  collectChecks(page, records, counts);
  collectOperations(page, records, tally, parts.clock.now());
  collectRollouts(page, parts.rollout(), tally);
  collectProcess(page, tally, lag.takeMs());
  return page.toString();
}

/** In time, whatever the edge does. */
function statusOf(edge: Edge, signal: AbortSignal): Promise<EdgeStatus> {
  const { name, mode } = edge;
  const late = new Promise<EdgeStatus>((resolve) => {
    const reason = 'no answer in time';
    const answer: EdgeStatus = { name, mode, state: 'failed', server: '', out: [], reason };
    signal.addEventListener('abort', () => resolve(answer), { once: true });
  });
  return Promise.race([edgeStatus(edge, () => edge.status(signal)), late]);
}

/** Those that are ours and answer. */
async function askMasters(records: readonly NodeRecord[]): Promise<ReadonlyMap<string, MasterStatus>> {
  const found = new Map<string, MasterStatus>();
  await inLanes(records, async ({ runner, process, config }) => {
    if (process === undefined || runner.master === undefined) return;
    const status = await runner.master().catch(() => undefined);
    if (status !== undefined) found.set(config.name, status);
  });
  return found;
}

/** Those of Gunicorn that answer. */
async function askArbiters(records: readonly NodeRecord[]): Promise<readonly ToldArbiter[]> {
  const found: ToldArbiter[] = [];
  await inLanes(records, async (record) => {
    const told = await askArbiter(record);
    if (told !== undefined) found.push(told);
  });
  return found;
}

async function inLanes(
  records: readonly NodeRecord[],
  ask: (record: NodeRecord) => Promise<void>,
): Promise<void> {
  const waiting = records.values();
  const lane = async (): Promise<void> => {
    for (const record of waiting) await ask(record);
  };
  await Promise.all(Array.from({ length: lanes }, lane));
}
