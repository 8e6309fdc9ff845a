import {
  assertNever,
  initialPool,
  LameduckError,
  type Machine,
  type MasterToWorker,
  type PoolEffect,
  type PoolEvent,
  type PoolFailure,
  type PoolSettings,
  type PoolState,
  type PoolTimer,
  type ReloadOutcome,
  runMachine,
  type StopMode,
  stepPool,
  type TimerName,
  type WorkerStatus,
  type WorkerToMaster,
} from '@lameduck/core';
import type { MasterOptions } from './options.ts';
import { logTransition } from './pool-log.ts';
import { spawnWorker, type WorkerHandle, type WorkerListener } from './worker-process.ts';

/** A quick stop is over within two seconds; the rest is for the processes to be reaped. */
const quickMs = 1750;
/** As long as the longest back-off: a loop slower than that needs none. */
const healthyMs = 30_000;

/** Timers that a message of the worker ends; one that fires this late proves nothing about the worker. */
const endsOnMessages: ReadonlySet<TimerName> = new Set(['boot', 'ready', 'heartbeat']);
const lateMs = 1000;

/** How a pool ended: its exit code, and why it never came up where it did not. */
export interface PoolEnd {
  readonly code: number;
  readonly failure?: PoolFailure | undefined;
}

interface Ticket {
  resolve(generation: number): void;
  reject(error: LameduckError): void;
}

function settingsOf(options: MasterOptions): PoolSettings {
  const { bootTimeoutMs, readyTimeoutMs, heartbeatTimeoutMs, graceMs, killMarginMs } = options;
  const deadlineMs = graceMs + killMarginMs;
  return {
    extraWorkers: 1,
    bootTimeoutMs,
    readyTimeoutMs,
    heartbeatTimeoutMs,
    deadlineMs,
    quickMs,
    healthyMs,
  };
}

/** The pool machine with its processes and timers: turns effects into signals, and the world into events. */
export class RunningPool {
  /** Resolves once, when all first workers are ready; never where they do not become so. */
  readonly announced: Promise<void>;
  /** Resolves when no process is left. */
  readonly ended: Promise<PoolEnd>;
  readonly #options: MasterOptions;
  readonly #fd: number;
  readonly #machine: Machine<PoolState, PoolEvent>;
  readonly #workers = new Map<number, WorkerHandle>();
  readonly #timers = new Map<string, NodeJS.Timeout>();
  readonly #tickets = new Map<number, Ticket>();
  #nextTicket = 1;
  #lingerMs: number | null = null;
  #announce: () => void = () => undefined;
  #end: (end: PoolEnd) => void = () => undefined;

  constructor(options: MasterOptions, fd: number) {
    this.#options = options;
    this.#fd = fd;
    this.announced = new Promise((resolve) => {
      this.#announce = resolve;
    });
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
    const log = logTransition(options.logger, (id) => this.#workers.get(id)?.pid);
    const initial = initialPool(settingsOf(options), options.workers);
    this.#machine = runMachine(stepPool, initial, (effect) => this.#perform(effect), log);
  }

  get state(): PoolState {
    return this.#machine.state;
  }

  start(): void {
    this.#machine.send({ type: 'startRequested' });
  }

  stop(mode: StopMode): void {
    this.#machine.send({ type: 'stopRequested', mode });
  }

  scale(workers: number): void {
    this.#machine.send({ type: 'scaleRequested', workers });
  }

  /** Resolves with the new generation once it serves alone; rejects with `reloadFailed`. */
  reload(): Promise<number> {
    return new Promise((resolve, reject) => {
      const ticket = this.#nextTicket++;
      this.#tickets.set(ticket, { resolve, reject });
      this.#machine.send({ type: 'reloadRequested', ticket });
    });
  }

  /** Overrides how long idle connections linger, for all workers of now and in later drains; `null` ends that. */
  linger(lingerMs: number | null): void {
    this.#lingerMs = lingerMs;
    const message: MasterToWorker = { type: 'linger', lingerMs: lingerMs ?? this.#options.lingerMs };
    for (const worker of this.#workers.values()) worker.send(message);
  }

  workers(): readonly WorkerStatus[] {
    return this.#machine.state.workers.flatMap(({ id, generation, state }) => {
      const handle = this.#workers.get(id);
      if (handle?.pid === undefined || state === 'waiting') return [];
      const ageMs = Math.round(performance.now() - handle.startedAt);
      return [{ ...handle.counts, id, pid: handle.pid, generation, state, ageMs }];
    });
  }

  #perform(effect: PoolEffect): void {
    switch (effect.type) {
      case 'spawnWorker':
        this.#spawn(effect.id, effect.generation);
        return;
      case 'terminateWorker':
        this.#terminate(effect.id);
        return;
      case 'quitWorker':
        this.#workers.get(effect.id)?.signal('SIGINT');
        return;
      case 'killWorker':
        this.#kill(effect.id, effect.reason);
        return;
      case 'startTimer':
        this.#startTimer(effect.timer, effect.ms);
        return;
      case 'cancelTimer':
        this.#cancelTimers((key) => key === keyOf(effect.timer));
        return;
      case 'cancelTimers':
        this.#cancelTimers((key) => key.startsWith(`${effect.id}:`));
        return;
      case 'replyReload':
        this.#reply(effect.tickets, effect.outcome);
        return;
      case 'announceReady':
        this.#announce();
        return;
      case 'exit':
        this.#end({ code: effect.code, failure: effect.failure });
        return;
      default:
        assertNever(effect);
    }
  }

  #spawn(id: number, generation: number): void {
    const listener: WorkerListener = {
      message: (message) => this.#hear(id, message),
      exited: (code, signal) => {
        this.#machine.send({ type: 'workerExited', id, code, signal });
        this.#workers.delete(id);
      },
    };
    try {
      const handle = spawnWorker(this.#options, { id, generation }, this.#fd, listener);
      this.#workers.set(id, handle);
      this.#options.logger.info({ worker: id, pid: handle.pid, generation }, 'worker spawned');
    } catch (error) {
      // Out of descriptors or memory: a crash like any other, with the same back-off.
      listener.message({ type: 'failed', message: LameduckError.from(error).message });
      listener.exited(null, null);
    }
  }

  #hear(id: number, message: WorkerToMaster): void {
    this.#machine.send({ type: 'workerHeard', id });
    switch (message.type) {
      case 'beat':
        return;
      case 'ready':
        this.#machine.send({ type: 'workerReady', id });
        return;
      case 'failed':
        this.#machine.send({ type: 'workerFailed', id, message: message.message });
        return;
      case 'draining':
        this.#machine.send({ type: 'workerDraining', id });
        return;
      case 'drained': {
        const { pid } = this.#workers.get(id) ?? {};
        if (message.aborted.length > 0)
          this.#options.logger.warn({ worker: id, pid, aborted: message.aborted }, 'requests aborted');
        return;
      }
      default:
        assertNever(message);
    }
  }

  #terminate(id: number): void {
    const worker = this.#workers.get(id);
    if (this.#lingerMs !== null) worker?.send({ type: 'linger', lingerMs: this.#lingerMs });
    worker?.signal('SIGTERM');
  }

  #kill(id: number, reason: string): void {
    const worker = this.#workers.get(id);
    this.#options.logger.error({ worker: id, pid: worker?.pid, reason }, 'worker killed');
    worker?.signal('SIGKILL');
  }

  #startTimer(timer: PoolTimer, ms: number): void {
    const key = keyOf(timer);
    clearTimeout(this.#timers.get(key));
    const dueAt = performance.now() + ms;
    const fire = (): void => {
      // Then it was us who stood still (SIGSTOP, no CPU): what the workers said meanwhile has not been read yet.
      if (endsOnMessages.has(timer.name) && performance.now() - dueAt > lateMs) {
        this.#startTimer(timer, lateMs);
        return;
      }
      this.#timers.delete(key);
      this.#machine.send({ type: 'timerFired', timer });
    };
    this.#timers.set(key, setTimeout(fire, ms));
  }

  #cancelTimers(isCancelled: (key: string) => boolean): void {
    for (const [key, timer] of this.#timers) {
      if (!isCancelled(key)) continue;
      clearTimeout(timer);
      this.#timers.delete(key);
    }
  }

  #reply(tickets: readonly number[], outcome: ReloadOutcome): void {
    const { generation } = this.#machine.state;
    for (const id of tickets) {
      const ticket = this.#tickets.get(id);
      this.#tickets.delete(id);
      if (outcome.type === 'done') ticket?.resolve(outcome.generation);
      else ticket?.reject(reloadFailed(this.#options.entry, outcome.message, generation));
    }
  }
}

function keyOf(timer: PoolTimer): string {
  return `${timer.id}:${timer.name}`;
}

function reloadFailed(entry: string, reason: string, generation: number): LameduckError {
  return new LameduckError(
    'reloadFailed',
    `Cannot reload "${entry}": new workers that become ready were wanted: current value is ${reason}`,
    { entry, reason, generation },
  );
}
