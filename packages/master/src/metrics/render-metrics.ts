import type { LatencyCounts, MasterStatus, WorkerStatus } from '@lameduck/core';
import type { Registry } from 'prom-client';
import { latencyBucketsMs } from './latency-buckets.ts';
import type { Tally } from './tally.ts';

type Labelled = readonly (readonly [labels: Readonly<Record<string, string>>, value: number])[];
type Values = number | Labelled;

/** Media type of what `renderMetrics` gives. */
export const metricsType = 'text/plain; version=0.0.4; charset=utf-8';

/** All metrics of a master and its workers in Prometheus' text format. Sums over workers: labels of pids never end. */
export async function renderMetrics(status: MasterStatus, tally: Tally): Promise<string> {
  const { Counter, Gauge, Registry } = await import('prom-client');
  const registry = new Registry();
  for (const [name, help, values] of gauges(status)) {
    const gauge = new Gauge({ name, help, labelNames: labelsOf(values), registers: [registry] });
    for (const [labels, value] of listed(values)) gauge.set(labels, value);
  }
  for (const [name, help, values] of counters(status, tally)) {
    const counter = new Counter({ name, help, labelNames: labelsOf(values), registers: [registry] });
    for (const [labels, value] of listed(values)) counter.inc(labels, value);
  }
  const { latency } = tally.answers();
  if (latency.buckets.length > 0) registerHistogram(registry, latency);
  return registry.metrics();
}

function listed(values: Values): Labelled {
  return typeof values === 'number' ? [[{}, values]] : values;
}

function labelsOf(values: Values): string[] {
  return Object.keys(listed(values)[0]?.[0] ?? {});
}

type Metric = readonly [name: string, help: string, values: Values];

function gauges(status: MasterStatus): readonly Metric[] {
  const { workers } = status;
  const sum = (read: (worker: WorkerStatus) => number): number =>
    workers.reduce((total, worker) => total + read(worker), 0);
  const most = (read: (worker: WorkerStatus) => number): number => Math.max(0, ...workers.map(read));
  const states = ['booting', 'ready', 'draining'] as const;
  const masterStates = ['starting', 'ready', 'reloading', 'degraded', 'paused', 'stopping'] as const;
  return [
    ['lameduck_requests_in_flight', 'Requests begun and not answered', sum((worker) => worker.inFlight)],
    ['lameduck_connections_open', 'Open connections', sum((worker) => worker.open)],
    ['lameduck_connections_idle', 'Open connections without a request', sum((worker) => worker.idle)],
    ['lameduck_sessions', 'Upgraded connections (WebSocket)', sum((worker) => worker.sessions ?? 0)],
    [
      'lameduck_workers',
      'Worker processes by state',
      states.map((state) => [{ state }, count(status, state)]),
    ],
    ['lameduck_workers_target', 'Workers wanted', status.target],
    ['lameduck_generation', 'Generation of the workers that serve', status.generation],
    [
      'lameduck_master_state',
      '1 for the state that the master is in',
      masterStates.map((state) => [{ state }, Number(status.state === state)]),
    ],
    ['lameduck_workers_rss_bytes', 'Resident memory of all workers', sum((worker) => worker.rssBytes)],
    [
      'lameduck_worker_rss_max_bytes',
      'Resident memory of the largest worker',
      most((worker) => worker.rssBytes),
    ],
    ['lameduck_master_rss_bytes', 'Resident memory of the master', process.memoryUsage.rss()],
    [
      'lameduck_loop_lag_max_seconds',
      'Longest delay of an event loop in the last second, of all workers',
      most((worker) => worker.loopLagMs) / 1000,
    ],
  ];
}

function count({ workers }: MasterStatus, state: WorkerStatus['state']): number {
  return workers.filter((worker) => worker.state === state).length;
}

function counters(status: MasterStatus, tally: Tally): readonly Metric[] {
  const byReason = (counts: Readonly<Record<string, number>>): Labelled =>
    Object.entries(counts).map(([reason, value]) => [{ reason }, value]);
  const { done, failed } = tally.reloads;
  return [
    ['lameduck_requests_total', 'Requests answered', tally.answers().answered],
    ['lameduck_requests_aborted_total', 'Requests that outlived the grace period', tally.aborted],
    ['lameduck_worker_spawns_total', 'Worker processes started', tally.spawned],
    ['lameduck_worker_crashes_total', 'Workers that ended unasked, or had to be given up', status.crashes],
    ['lameduck_worker_kills_total', 'Workers killed, by reason', byReason(tally.killed)],
    ['lameduck_worker_recycles_total', 'Workers replaced for age or memory', byReason(tally.recycled)],
    [
      'lameduck_reloads_total',
      'Reloads that have ended',
      [
        [{ result: 'done' }, done],
        [{ result: 'failed' }, failed],
      ],
    ],
  ];
}

const name = 'lameduck_request_duration_seconds';
const help = "From the arrival of a request's header to the end of its answer";

/** The workers have counted already; prom-client's own histogram takes single observations only. */
function registerHistogram(registry: Registry, { buckets, sumMs }: LatencyCounts): void {
  let total = 0;
  const values = buckets.map((bucket, index) => {
    total += bucket;
    const bound = latencyBucketsMs[index];
    return {
      metricName: `${name}_bucket`,
      labels: { le: bound === undefined ? '+Inf' : bound / 1000 },
      value: total,
    };
  });
  const ends = [
    { metricName: `${name}_sum`, labels: {}, value: sumMs / 1000 },
    { metricName: `${name}_count`, labels: {}, value: total },
  ];
  const metric = { name, help, type: 'histogram', aggregator: 'sum', values: [...values, ...ends] };
  registry.registerMetric({ name, get: () => Promise.resolve(metric) } as never);
}
