import {
  type Address,
  formatAddress,
  LameduckError,
  type MasterStatus,
  type PoolFailure,
  poolStatus,
  type StopMode,
} from '@lameduck/core';
import { bindAddress, type Listener } from './bind-address.ts';
import { type ControlSocket, openControlSocket } from './control-socket.ts';
import type { MasterOptions } from './options.ts';
import { checkPidFile, removePidFile, writePidFile } from './pid-file.ts';
import { type PoolEnd, RunningPool } from './running-pool.ts';
import { obeySignals } from './signals.ts';

/** A running master: owns the listening socket, its workers, its control socket and its pid file. */
export interface Master {
  /** As bound: the real port where port 0 was asked for. */
  readonly address: Address;
  /**
   * True when all first workers are ready; false where a stop came first. Rejects with `entryUnusable` or
   * `startFailed` and the worker's own reason where one of them fails before any was ready.
   */
  readonly ready: Promise<boolean>;
  /** Resolves after everything is released: 0 all left by themselves, 5 some were killed, 1 or 3 never started. */
  readonly ended: Promise<number>;
  /** Rolling, one by one, start-first; resolves with the new generation, rejects with `reloadFailed`. */
  reload(): Promise<number>;
  scale(workers: number): void;
  stop(mode: StopMode): void;
  /** Overrides how long idle connections of draining workers linger; `null` goes back to the configured time. */
  linger(lingerMs: number | null): void;
  status(): MasterStatus;
}

/**
 * Binds, opens the control socket, writes the pid file and spawns the first workers. Codes: `addressInUse`,
 * `alreadyRunning`, `config`, `pidFile`, `startFailed`; after any of them nothing is left behind.
 */
export async function startMaster(options: MasterOptions): Promise<Master> {
  const releases: (() => unknown)[] = [];
  try {
    return await startWith(options, releases);
  } catch (error) {
    await release(releases);
    throw error;
  }
}

/** Starts a master and waits for its first workers: see `startMaster` and `Master.ready`. */
export async function runMaster(options: MasterOptions): Promise<Master> {
  const master = await startMaster(options);
  await master.ready;
  return master;
}

async function startWith(options: MasterOptions, releases: (() => unknown)[]): Promise<Master> {
  const { pidfile, controlPath, logger } = options;
  if (pidfile !== undefined) await checkPidFile(pidfile);
  const listener = await bindAddress(options.address, options.socketMode);
  releases.push(() => listener.close());
  const pool = new RunningPool(options, listener.fd);
  const master = makeMaster(options, listener, pool, releases);
  if (controlPath !== undefined) {
    const control: ControlSocket = await openControlSocket(controlPath, master, logger);
    releases.push(() => control.close());
  }
  if (pidfile !== undefined) {
    await writePidFile(pidfile);
    releases.push(() => removePidFile(pidfile));
  }
  // Before the first worker: a signal that arrives now must stop what we are about to start.
  // First in the list, so last off: a signal during the release must not kill us either.
  if (options.signals !== undefined) releases.unshift(obeySignals(master, logger, options.signals));
  logger.info({ pid: process.pid, address: formatAddress(listener.address) }, 'master started');
  pool.start();
  return master;
}

function makeMaster(
  options: MasterOptions,
  listener: Listener,
  pool: RunningPool,
  releases: (() => unknown)[],
): Master {
  const ended = pool.ended.then(async (end) => {
    await release(releases);
    options.logger.info({ code: end.code }, 'master ended');
    return end;
  });
  const ready = Promise.race([
    pool.announced.then(() => true),
    ended.then((end) => neverReady(options, end)),
  ]);
  // Whoever only waits for `ended` has not forgotten anything.
  ready.catch(() => undefined);
  return {
    address: listener.address,
    ready,
    ended: ended.then((end) => end.code),
    reload: () => pool.reload(),
    scale: (workers) => pool.scale(workers),
    stop: (mode) => pool.stop(mode),
    linger: (lingerMs) => pool.linger(lingerMs),
    status: () => statusOf(listener, pool),
  };
}

function neverReady(options: MasterOptions, { failure }: PoolEnd): boolean {
  if (failure !== undefined) throw startError(options, failure);
  return false;
}

function startError({ entry, address }: MasterOptions, failure: PoolFailure): LameduckError {
  // Two masters can bind one address before either listens: then the worker is the first to know.
  const isInUse = failure.message.includes('EADDRINUSE');
  return new LameduckError(
    isInUse ? 'addressInUse' : failure.code,
    failure.message.startsWith('Cannot ')
      ? failure.message
      : `Cannot start "${entry}": a worker that becomes ready was wanted: current value is ${failure.message}`,
    { entry, reason: failure.message, address: formatAddress(address) },
  );
}

function statusOf(listener: Listener, pool: RunningPool): MasterStatus {
  const { state } = pool;
  return {
    pid: process.pid,
    state: poolStatus(state),
    address: formatAddress(listener.address),
    generation: state.generation,
    target: state.target,
    crashes: state.crashes,
    workers: pool.workers(),
  };
}

/** In reverse order; one that fails does not keep the others. */
async function release(releases: (() => unknown)[]): Promise<void> {
  for (const one of releases.splice(0).toReversed()) {
    try {
      await one();
    } catch {
      // What is left behind (a socket file, a pid file) is recognised as stale at the next start.
    }
  }
}
