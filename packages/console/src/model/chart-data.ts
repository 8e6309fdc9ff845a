import type { RolloutStatus, TrafficSample } from '@lameduck/core';
import { toMs } from './format.ts';
import type { OperationView } from './state.ts';
import { operationVerbs } from './steps.ts';

/** Columns as uPlot takes them: seconds first, then a value or a gap for each series. */
export type Columns = readonly [readonly number[], ...(readonly (number | null)[])[]];

/** Samples come each second: where none came for longer, the line breaks. */
const gapMs = 3500;

type Pick = (sample: TrafficSample) => number | undefined;

/** One column for each pick, cut to the window, with a gap where samples are missing. */
export function columnsOf(
  traffic: readonly TrafficSample[],
  fromMs: number,
  picks: readonly Pick[],
): Columns {
  const seconds: number[] = [];
  const values: (number | null)[][] = picks.map(() => []);
  let beforeMs: number | undefined;
  for (const sample of traffic) {
    if (sample.atMs < fromMs) continue;
    if (beforeMs !== undefined && sample.atMs - beforeMs > gapMs) {
      seconds.push((beforeMs + 1000) / 1000);
      for (const column of values) column.push(null);
    }
    beforeMs = sample.atMs;
    seconds.push(sample.atMs / 1000);
    for (const [index, pick] of picks.entries()) values[index]?.push(pick(sample) ?? null);
  }
  return [seconds, ...values];
}

/** The nodes with most in flight at any time in the window, in the order of the configuration. */
export function busiestNodes(
  traffic: readonly TrafficSample[],
  fromMs: number,
  most: number,
  order: readonly string[],
): readonly string[] {
  if (order.length <= most) return order;
  const peaks = new Map<string, number>();
  // every fifth sample is enough to tell who is busy, and 500 nodes are many
  for (let index = traffic.length - 1; index >= 0; index -= 5) {
    const sample = traffic[index];
    if (sample === undefined || sample.atMs < fromMs) break;
    for (const name of order) {
      const now = sample.nodes[name]?.inFlight ?? 0;
      if (now > (peaks.get(name) ?? 0)) peaks.set(name, now);
    }
  }
  const best = [...peaks].sort((a, b) => b[1] - a[1]).slice(0, most);
  const names = new Set(best.map(([name]) => name));
  return order.filter((name) => names.has(name));
}

/**
 * In flight, stacked: the first column is the sum of all these nodes, each one after it leaves out one more from the
 * end, so that what is drawn later lies in front. The last column is all nodes of the service.
 */
export function stackedInFlight(
  traffic: readonly TrafficSample[],
  fromMs: number,
  names: readonly string[],
): Columns {
  const sums = names.map(
    (_, left): Pick =>
      (sample) =>
        names
          .slice(0, names.length - left)
          .reduce((sum, name) => sum + (sample.nodes[name]?.inFlight ?? 0), 0),
  );
  const all: Pick = (sample) => {
    let sum = 0;
    for (const name in sample.nodes) sum += sample.nodes[name]?.inFlight ?? 0;
    return sum;
  };
  return columnsOf(traffic, fromMs, [...sums, all]);
}

/** Requests that operations report as cut, on the second in which the report came. */
export function lostBySecond(operations: Iterable<OperationView>): ReadonlyMap<number, number> {
  const lost = new Map<number, number>();
  for (const { report, endedAtMs } of operations) {
    if (report === undefined || endedAtMs === undefined || report.lost === 0) continue;
    const second = Math.floor(endedAtMs / 1000);
    lost.set(second, (lost.get(second) ?? 0) + report.lost);
  }
  return lost;
}

/** Something of ours that a chart shows behind its lines. */
export interface Mark {
  readonly fromMs: number;
  readonly toMs: number | undefined;
  readonly label: string;
  readonly kind: 'operation' | 'rollout';
}

const goesOn: readonly string[] = ['running', 'paused', 'soaking', 'aborting'];

/** Operations and the rollout that overlap the window, in the order of their begin. */
export function marksOf(
  operations: Iterable<OperationView>,
  rollout: RolloutStatus | undefined,
  fromMs: number,
): readonly Mark[] {
  const marks: Mark[] = [];
  const rolloutAt = toMs(rollout?.beganAt);
  if (rollout !== undefined && rolloutAt !== undefined && goesOn.includes(rollout.state)) {
    marks.push({ fromMs: rolloutAt, toMs: undefined, label: 'Rollout', kind: 'rollout' });
  }
  for (const { beganAtMs, endedAtMs, kind, node } of operations) {
    if ((endedAtMs ?? Number.POSITIVE_INFINITY) < fromMs) continue;
    const label = `${operationVerbs[kind]} ${node}`;
    marks.push({ fromMs: beganAtMs, toMs: endedAtMs, label, kind: 'operation' });
  }
  return marks.sort((a, b) => a.fromMs - b.fromMs);
}

const tickSteps = [10, 30, 60, 120, 300, 600] as const;

/** Round instants between two, in seconds, never more than there is room for. */
export function clockTicks(from: number, to: number, most: number): readonly number[] {
  const perTick = (to - from) / Math.max(1, most);
  const step = tickSteps.find((seconds) => seconds >= perTick) ?? Math.ceil(perTick / 600) * 600;
  const first = Math.ceil(from / step) * step;
  const count = Math.max(0, Math.floor((to - first) / step) + 1);
  return Array.from({ length: count }, (_, index) => first + index * step);
}
