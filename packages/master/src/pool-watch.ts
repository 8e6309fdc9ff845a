import type { KillReason, PoolState, RecycleReason, ReloadOutcome, WorkerToMaster } from '@lameduck/core';
import type { HookCaller } from './hooks.ts';
import { createWearCheck, type WearCheck } from './metrics/recycle-limits.ts';
import { Tally } from './metrics/tally.ts';
import type { MasterOptions } from './options.ts';

interface Watched {
  readonly id: number;
  readonly generation: number;
  pid?: number | undefined;
  readonly checkWear: WearCheck;
}

/** Follows the pool for those who only watch: the metrics, the user's hooks, and what decides that a worker is worn. */
export class PoolWatch {
  readonly tally: Tally = new Tally();
  readonly #options: MasterOptions;
  readonly #hooks: HookCaller;
  readonly #workers = new Map<number, Watched>();

  constructor(options: MasterOptions, hooks: HookCaller) {
    this.#options = options;
    this.#hooks = hooks;
  }

  spawning(id: number, generation: number): void {
    this.#workers.set(id, { id, generation, checkWear: createWearCheck(this.#options, Math.random) });
    this.tally.spawned += 1;
    this.#hooks.call('preFork', { id, generation });
  }

  spawned(id: number, pid: number | undefined): void {
    const worker = this.#workers.get(id);
    if (worker === undefined) return;
    worker.pid = pid;
    this.#hooks.call('postFork', facts(worker));
  }

  /** Gives the reason where this message shows that the worker is worn. */
  heard(id: number, message: WorkerToMaster): RecycleReason | undefined {
    const worker = this.#workers.get(id);
    if (worker === undefined) return undefined;
    if (message.type === 'drained') this.tally.aborted += message.aborted.length;
    if (message.type === 'ready') this.#hooks.call('workerReady', facts(worker));
    if (message.type !== 'beat') return undefined;
    this.tally.beat(id, message.counts, message.latency);
    return worker.checkWear(message.counts);
  }

  /** The worker is about to be replaced. */
  recycling(id: number, reason: RecycleReason): void {
    const worker = this.#workers.get(id);
    this.tally.recycled[reason] += 1;
    const { pid, generation } = worker ?? {};
    this.#options.logger.info({ worker: id, pid, generation, reason }, 'worker recycled');
    if (worker !== undefined) this.#hooks.call('onRecycle', { ...facts(worker), reason });
  }

  killed(reason: KillReason): void {
    this.tally.killed[reason] += 1;
  }

  exited(id: number, code: number | null, signal: string | null): void {
    const worker = this.#workers.get(id);
    this.#workers.delete(id);
    this.tally.exited(id);
    if (worker !== undefined) this.#hooks.call('workerExit', { ...facts(worker), code, signal });
  }

  observe(from: PoolState, to: PoolState): void {
    if (from.phase !== 'reloading' && to.phase === 'reloading')
      this.#hooks.call('onReload', { generation: to.fresh });
  }

  /** A reload is over. Where the pool reloads now, one that has waited for it has begun in the same step. */
  reloaded(outcome: ReloadOutcome, now: PoolState): void {
    this.tally.reloads[outcome.type] += 1;
    const error = outcome.type === 'failed' ? { error: outcome.message } : {};
    this.#hooks.call('reloaded', { generation: now.generation, ...error });
    if (now.phase === 'reloading') this.#hooks.call('onReload', { generation: now.fresh });
  }
}

function facts({ id, generation, pid }: Watched): {
  id: number;
  generation: number;
  pid: number | undefined;
} {
  return { id, generation, pid };
}
