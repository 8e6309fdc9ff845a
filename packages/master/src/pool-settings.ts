import { availableParallelism } from 'node:os';
import type { PoolSettings } from '@lameduck/core';
import type { MasterOptions } from './options.ts';

/** A quick stop is over within two seconds; the rest is for the processes to be reaped. */
const quickMs = 1750;
/** As long as the longest back-off: a loop slower than that needs none. */
const healthyMs = 30_000;
/** A start is work for a core: more of them at a time only make each one later, and take the cores from those that serve. */
const leastComing = 4;

function mostComing(): number {
  return Math.max(leastComing, 2 * availableParallelism());
}

/** Most time until all first workers are ready, each within its own: they start a few at a time. */
export function allReadyMs({ workers, readyTimeoutMs }: MasterOptions): number {
  return Math.ceil(workers / mostComing()) * readyTimeoutMs;
}

/** Workers beat each second (`beats.ts`): a silence is up to so much longer than the loop has stood still. */
const beatMs = 1000;

/** What the pool machine is told of a master's options. */
export function poolSettings(options: MasterOptions): PoolSettings {
  const { bootTimeoutMs, readyTimeoutMs, heartbeatTimeoutMs, graceMs, killMarginMs } = options;
  return {
    extraWorkers: 1,
    maxRecycling: options.maxRecycling ?? 1,
    maxComing: mostComing(),
    bootTimeoutMs,
    readyTimeoutMs,
    heartbeatTimeoutMs: heartbeatTimeoutMs + beatMs,
    minReadyMs: options.minReadyMs ?? 0,
    deadlineMs: graceMs + killMarginMs,
    quickMs,
    healthyMs,
    nodeArguments: (options.nodeArguments ?? []).join(' ') || undefined,
  };
}
