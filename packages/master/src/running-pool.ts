import {
  assertNever,
  initialPool,
  type KillReason,
  LameduckError,
  type Machine,
  type MasterToWorker,
  type PoolEffect,
  type PoolEvent,
  type PoolFailure,
  type PoolState,
  type RecycleReason,
  type ReloadOutcome,
  runMachine,
  type StopMode,
  stepPool,
  takersOf,
  type WorkerStatus,
} from '@lameduck/core';
import { type ConnectionHandle, HandOffRelay } from './hand-off.ts';
import { createHooks } from './hooks.ts';
import type { MasterOptions } from './options.ts';
import { logTransition } from './pool-log.ts';
import { poolSettings } from './pool-settings.ts';
import { PoolTimers } from './pool-timers.ts';
import { PoolWatch } from './pool-watch.ts';
import { ReloadTickets } from './reload-tickets.ts';
import { Resizes } from './resizes.ts';
import {
  type SignOfLife,
  spawnWorker,
  type WorkerHandle,
  type WorkerListener,
  type WorkerPlace,
} from './worker-process.ts';

/** How a pool ended: its exit code, and why it never came up where it did not. */
export interface PoolEnd {
  readonly code: number;
  readonly failure?: PoolFailure | undefined;
}

/** The pool machine with its processes and timers: turns effects into signals, and the world into events. */
export class RunningPool {
  /** Resolves once, when all first workers are ready; never where they do not become so. */
  readonly announced: Promise<void>;
  /** Resolves when no process is left. */
  readonly ended: Promise<PoolEnd>;
  readonly watch: PoolWatch;
  readonly #options: MasterOptions;
  readonly #fd: number;
  readonly #machine: Machine<PoolState, PoolEvent>;
  readonly #workers = new Map<number, WorkerHandle>();
  readonly #timers = new PoolTimers((timer) => this.#machine.send({ type: 'timerFired', timer }));
  readonly #tickets: ReloadTickets;
  readonly #resizes = new Resizes();
  readonly #handOff: HandOffRelay;
  /** Set for a stop whose workers bounce first: how long at most, and who hears that requests arrive. */
  #bounce: { readonly ms: number; busy(): void } | undefined;
  /** Of the graceful timeout, what was over before the stop began. */
  #spentMs = 0;
  #lingerMs: number | null = null;
  #isLameDuck: boolean;
  #announce: () => void = () => undefined;
  #end: (end: PoolEnd) => void = () => undefined;

  constructor(options: MasterOptions, fd: number, observe?: (from: PoolState, to: PoolState) => void) {
    this.#options = options;
    const { hooks, logger, readyTimeoutMs } = options;
    this.watch = new PoolWatch(options, createHooks(hooks, logger, readyTimeoutMs));
    this.#isLameDuck = options.launch?.succession?.isLameDuck === true;
    this.#fd = fd;
    this.#tickets = new ReloadTickets(options.entry);
    this.announced = new Promise((resolve) => {
      this.#announce = resolve;
    });
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
    const relayed = { takers: () => this.#takers(), worker: (id: number) => this.#workers.get(id) };
    this.#handOff = new HandOffRelay(relayed, options.logger);
    const log = logTransition(options.logger, (id) => this.#workers.get(id)?.pid);
    const initial = initialPool(poolSettings(options), options.workers);
    this.#machine = runMachine(
      stepPool,
      initial,
      (effect) => this.#perform(effect),
      (event, from, to) => {
        log(event, from, to);
        observe?.(from, to);
        this.#resizes.observe(event, from, to);
        this.watch.observe(from, to);
      },
    );
  }

  get state(): PoolState {
    return this.#machine.state;
  }

  /** Whoever set the linger time to 0 has taken the node out of every edge. */
  get isTakenOut(): boolean {
    return this.#lingerMs === 0;
  }

  get isLameDuck(): boolean {
    return this.#isLameDuck;
  }

  start(): void {
    this.#machine.send({ type: 'startRequested' });
  }

  stop(mode: StopMode): void {
    this.#machine.send({ type: 'stopRequested', mode, spentMs: this.#spentMs });
  }

  /** So much of the graceful timeout is over when the stop begins. */
  spendGrace(ms: number): void {
    this.#spentMs = Math.max(this.#spentMs, ms);
  }

  /** A graceful stop whose workers accept and bounce until `release`, at most for `ms`. */
  stopBouncing(ms: number, busy: () => void): void {
    this.#bounce = { ms, busy };
    this.stop('graceful');
  }

  /** Workers that bounce stop accepting. */
  release(): void {
    for (const worker of this.#workers.values()) worker.release();
  }

  scale(workers: number): void {
    this.#machine.send({ type: 'scaleRequested', workers });
  }

  /** The same for whoever waits until so many are ready: see `Resizes`. */
  resize(workers: number): Promise<void> {
    return this.#resizes.take(workers, () => this.scale(workers));
  }

  /** Resolves with the new generation once it serves alone; rejects with `reloadFailed`. */
  reload(): Promise<number> {
    return this.#tickets.take((ticket) => this.#machine.send({ type: 'reloadRequested', ticket }));
  }

  /** Overrides how long idle connections linger, for all workers of now and in later drains; `null` ends that. */
  linger(lingerMs: number | null): void {
    this.#lingerMs = lingerMs;
    const message: MasterToWorker = { type: 'linger', lingerMs: lingerMs ?? this.#options.lingerMs };
    for (const worker of this.#workers.values()) worker.send(message);
  }

  /** Fails or restores the readiness of all workers of now and later. */
  lameDuck(isOn: boolean): void {
    this.#isLameDuck = isOn;
    for (const worker of this.#workers.values()) worker.send({ type: 'lameDuck', isOn });
  }

  /** The access logs of all workers were moved away. */
  reopenLogs(): void {
    for (const worker of this.#workers.values()) worker.send({ type: 'reopenLogs' });
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
        this.#spawn(effect);
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
        this.#timers.start(effect.timer, effect.ms);
        return;
      case 'cancelTimer':
        this.#timers.cancel(effect.timer);
        return;
      case 'cancelTimers':
        this.#timers.cancelAll(effect.id);
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

  #spawn({ id, generation, isSpare }: WorkerPlace): void {
    const listener: WorkerListener = {
      message: (message, handle) => this.#hear(id, message, handle),
      exited: (code, signal) => {
        this.watch.exited(id, code, signal);
        this.#machine.send({ type: 'workerExited', id, code, signal });
        this.#workers.delete(id);
        this.#handOff.exited(id);
      },
    };
    this.watch.spawning(id, generation);
    try {
      const handle = spawnWorker(this.#options, { id, generation, isSpare }, this.#fd, listener);
      this.#workers.set(id, handle);
      if (this.#isLameDuck) handle.send({ type: 'lameDuck', isOn: true });
      this.#options.logger.info({ worker: id, pid: handle.pid, generation }, 'worker spawned');
      this.watch.spawned(id, handle.pid);
    } catch (error) {
      // Out of descriptors or memory: a crash like any other, with the same back-off.
      listener.message({ type: 'failed', message: LameduckError.from(error).message });
      listener.exited(null, null);
    }
  }

  #hear(id: number, message: SignOfLife, handle?: ConnectionHandle): void {
    this.#machine.send({ type: 'workerHeard', id });
    const wear = this.watch.heard(id, message);
    if (wear !== undefined) this.#recycle(id, wear);
    switch (message.type) {
      case 'beat':
        return;
      case 'starting':
        this.#machine.send({ type: 'workerStarting', id, step: message.step });
        return;
      case 'ready':
        this.#machine.send({ type: 'workerReady', id });
        this.#offerTakers();
        return;
      case 'failed':
        this.#machine.send({ type: 'workerFailed', id, message: message.message });
        return;
      case 'draining':
        this.#machine.send({ type: 'workerDraining', id });
        this.#offerTakers();
        return;
      case 'busy':
        this.#bounce?.busy();
        return;
      case 'handOff':
        if (handle !== undefined) this.#handOff.offered(id, message.connection, handle);
        return;
      case 'adopted':
        this.#handOff.answered(id, message.connection, message.isTaken);
        return;
      case 'drained': {
        const { pid } = this.#workers.get(id) ?? {};
        if (message.aborted.length > 0)
          this.#options.logger.warn({ worker: id, pid, aborted: message.aborted }, 'requests aborted');
        return;
      }
      case 'shutdownCut': {
        const { pid } = this.#workers.get(id) ?? {};
        this.#options.logger.warn({ worker: id, pid, ms: message.ms }, 'shutdown hooks cut');
        return;
      }
      default:
        assertNever(message);
    }
  }

  #terminate(id: number): void {
    const worker = this.#workers.get(id);
    if (this.#lingerMs !== null) worker?.send({ type: 'linger', lingerMs: this.#lingerMs });
    if (this.#spentMs > 0) worker?.send({ type: 'grace', graceMs: this.#options.graceMs - this.#spentMs });
    if (this.#bounce !== undefined) worker?.bounce(this.#bounce.ms);
    else if (this.#takers().length > 0) worker?.leave();
    else worker?.signal('SIGTERM');
  }

  #takers(): readonly number[] {
    return this.#options.handOff === false ? [] : takersOf(this.#machine.state);
  }

  /** Workers that left by themselves, or when nobody was there to take their connections, hand them over now. */
  #offerTakers(): void {
    if (this.#takers().length === 0) return;
    for (const { id, state: place, isKilled } of this.#machine.state.workers)
      if (place === 'draining' && !isKilled) this.#workers.get(id)?.send({ type: 'leave' });
  }

  #recycle(id: number, reason: RecycleReason): void {
    this.#machine.send({ type: 'recycleRequested', id });
    if (this.#machine.state.workers.some((worker) => worker.id === id && worker.isWorn === true))
      this.watch.recycling(id, reason);
  }

  #kill(id: number, reason: KillReason): void {
    const worker = this.#workers.get(id);
    const hang = reason === 'silent' ? worker?.hangStack : undefined;
    this.#options.logger.error({ worker: id, pid: worker?.pid, reason, ...hang }, 'worker killed');
    this.watch.killed(reason);
    worker?.signal('SIGKILL');
  }

  #reply(tickets: readonly number[], outcome: ReloadOutcome): void {
    const { state } = this.#machine;
    this.watch.reloaded(outcome, state);
    this.#tickets.settle(tickets, outcome, state.generation);
  }
}
