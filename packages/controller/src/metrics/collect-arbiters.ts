import type { ArbiterView } from '@lameduck/core';
import type { NodeRecord } from '../node-record.ts';
import type { RunningWorker } from '../ports/node-runner.ts';
import { families } from './families.ts';
import type { MetricsPage } from './page.ts';

/** A Gunicorn node whose arbiter tells of itself. */
export interface ToldArbiter {
  readonly node: string;
  readonly arbiter: Required<Pick<ArbiterView, 'target' | 'spawned' | 'reloads'>>;
  readonly workers: readonly RunningWorker[];
}

const states = ['booting', 'ready', 'draining', 'hung'] as const;

/** Asks the arbiter of a node; `undefined` where it has none or does not answer. Never rejects. */
export async function askArbiter({ config, runner, process }: NodeRecord): Promise<ToldArbiter | undefined> {
  if (process === undefined || runner.arbiter === undefined) return undefined;
  const { target, spawned, reloads } = (await runner.arbiter(process)) ?? {};
  if (target === undefined || spawned === undefined || reloads === undefined) return undefined;
  // shares the answer, and reads no more of /proc than its workers
  const workers = await runner.workers(process).catch(() => []);
  return { node: config.name, arbiter: { target, spawned, reloads }, workers };
}

/** What arbiters tell: the same families as for our own masters as far as that goes; each reload is a generation. */
export function collectArbiters(page: MetricsPage, arbiters: readonly ToldArbiter[]): void {
  for (const { node, arbiter, workers } of arbiters) {
    for (const state of states)
      page.add(
        families.nodeWorkers,
        [node, state],
        workers.filter((worker) => worker.state === state).length,
      );
    page.add(families.nodeGeneration, [node], arbiter.reloads + 1);
    page.add(
      families.workersMemory,
      [node],
      workers.reduce((total, { rss = 0 }) => total + rss, 0),
    );
    page.add(families.workersTarget, [node], arbiter.target);
    page.add(families.workerStarts, [node], arbiter.spawned);
  }
}
