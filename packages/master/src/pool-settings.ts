import type { PoolSettings } from '@lameduck/core';
import type { MasterOptions } from './options.ts';

/** A quick stop is over within two seconds; the rest is for the processes to be reaped. */
const quickMs = 1750;
/** As long as the longest back-off: a loop slower than that needs none. */
const healthyMs = 30_000;

/** Workers beat each second (`beats.ts`): a silence is up to so much longer than the loop has stood still. */
const beatMs = 1000;

/** What the pool machine is told of a master's options. */
export function poolSettings(options: MasterOptions): PoolSettings {
  const { bootTimeoutMs, readyTimeoutMs, heartbeatTimeoutMs, graceMs, killMarginMs } = options;
  return {
    extraWorkers: 1,
    maxRecycling: options.maxRecycling ?? 1,
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
