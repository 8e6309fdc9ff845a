import {
  type Address,
  formatAddress,
  LameduckError,
  type MasterStatus,
  type PoolFailure,
  poolStatus,
  type StopMode,
} from '@lameduck/core';
import type { Listener } from './bind-address.ts';
import { Departure } from './departure.ts';
import { createHooks } from './hooks.ts';
import { InBandLeave } from './in-band.ts';
import { MasterLife } from './master-life.ts';
import { openMetricsServer } from './metrics/metrics-server.ts';
import { renderMetrics } from './metrics/render-metrics.ts';
import { Office } from './office.ts';
import type { MasterOptions } from './options.ts';
import { checkPidFile } from './pid-file.ts';
import { type PoolEnd, RunningPool } from './running-pool.ts';
import { obeySignals } from './signals.ts';
import type { RunningUpgrade } from './upgrade/running-upgrade.ts';

/** A running master: owns the listening socket, its workers, its control socket and its pid file. */
export interface Master {
  /** As bound: the real port where port 0 was asked for. */
  readonly address: Address;
  /**
   * True when all first workers are ready, and an old master that this one replaces has let go; false where a stop
   * came first. Rejects with `entryUnusable` or
   * `startFailed` and the worker's own reason where one of them fails before any was ready.
   */
  readonly ready: Promise<boolean>;
  /** Resolves after everything is released: 0 all left by themselves, 5 some were killed, 1 or 3 never started. */
  readonly ended: Promise<number>;
  /** Resolves before that, when no worker is left and the control socket still answers; the same code. */
  readonly left: Promise<number>;
  /** Rolling, one by one, start-first; resolves with the new generation, rejects with `reloadFailed`. */
  reload(): Promise<number>;
  scale(workers: number): void;
  /** The same, and resolves when so many are ready; rejects with `startFailed`, `conflict` or `busy`. */
  resize(workers: number): Promise<void>;
  /** All workers leave gracefully and none comes; a reload or `scale` ends it. New connections wait in the queue. */
  pause(): void;
  /**
   * Starts the same command line once more on the same socket; resolves with the pid of the new master when that
   * serves and this one has begun to leave. Rejects with `upgradeFailed` or `busy`: then nothing has changed.
   */
  upgrade(environment?: Readonly<Record<string, string>>): Promise<number>;
  /** Readiness fails in all workers of now and later, and everything is still served; `false` ends that. */
  lameDuck(isOn: boolean): void;
  /** Opens the log files again, after they were moved away. */
  reopenLogs(): void;
  /** Everything counted, in Prometheus' text format. */
  metrics(): Promise<string>;
  stop(mode: StopMode): void;
  /**
   * SIGTERM: a graceful stop that nobody has prepared. Where a controller is known it takes the node out of rotation
   * first (`departure.ts`); with none, in-band where an edge has made its promise (`in-band.ts`).
   */
  leave(): void;
  /**
   * Overrides how long idle connections of draining workers linger; `null` goes back to the configured time. 0 says
   * that no edge can pick this node any more.
   */
  linger(lingerMs: number | null): void;
  status(): MasterStatus;
}

/**
 * Binds, opens the control socket, writes the pid file and spawns the first workers. Codes: `addressInUse`,
 * `alreadyRunning`, `config`, `pidFile`, `startFailed`; after any of them nothing is left behind.
 */
export async function startMaster(options: MasterOptions): Promise<Master> {
  const life = new MasterLife(options);
  const releases: (() => unknown)[] = [() => life.close()];
  try {
    return await startWith(options, life, releases);
  } catch (error) {
    await life.fail(LameduckError.from(error));
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

async function startWith(
  options: MasterOptions,
  life: MasterLife,
  releases: (() => unknown)[],
): Promise<Master> {
  const { pidfile, logger, hooks, entry, workers, metrics, readyTimeoutMs } = options;
  const hook = createHooks(hooks, logger, readyTimeoutMs);
  await hook.starting({ pid: process.pid, entry, workers });
  if (pidfile !== undefined && !life.isSuccessor) await checkPidFile(pidfile);
  const listener = await life.openListener();
  releases.push(() => listener.close());
  const pool = new RunningPool(options, listener.fd, (from, to) => life.observe(from, to));
  const office = new Office(options, () => master);
  const upgrade = life.upgradeOf({ pool, listener, office });
  const begun = Promise.withResolvers<void>();
  const master = makeMaster({ options, listener, pool, upgrade, life, begun: begun.promise }, releases);
  releases.push(() => office.close(!life.isInCharge));
  if (!life.isSuccessor) await office.take(false);
  if (metrics?.address !== undefined) {
    const render = (): Promise<string> => master.metrics();
    const server = await openMetricsServer({ options: metrics, render, logger, waits: life.isSuccessor });
    releases.push(() => server.close());
  }
  releases.push(() => upgrade.settled());
  // Before the first worker: a signal that arrives now must stop what we are about to start.
  // First in the list, so last off: a signal during the release must not kill us either.
  if (options.signals !== undefined) releases.unshift(obeySignals(master, logger, options.signals));
  logger.info({ pid: process.pid, address: formatAddress(listener.address) }, 'master started');
  const address = formatAddress(listener.address);
  void pool.announced.then(() => hook.call('whenReady', { pid: process.pid, address }));
  releases.push(async () => hook.exit({ code: (await pool.ended).code }));
  pool.start();
  life.begin({ pool, listener, office }).then(begun.resolve, (error: Error) => {
    begun.reject(error);
    void life.fail(error);
    pool.stop('graceful');
  });
  return master;
}

interface Parts {
  readonly options: MasterOptions;
  readonly listener: Listener;
  readonly pool: RunningPool;
  readonly upgrade: RunningUpgrade;
  readonly life: MasterLife;
  /** Resolves when this master is in charge. */
  readonly begun: Promise<void>;
}

function makeMaster(parts: Parts, releases: (() => unknown)[]): Master {
  const { options, listener, pool, upgrade, life, begun } = parts;
  const { stop, departure } = makeWaysOut(parts);
  const ended = pool.ended.then(async (end) => {
    departure.close();
    if (end.failure !== undefined) await life.fail(startError(options, end.failure));
    await release(releases);
    options.logger.info({ code: end.code }, 'master ended');
    return end;
  });
  const ready = Promise.race([
    Promise.all([pool.announced, begun]).then(() => true),
    ended.then((end) => neverReady(options, end)),
  ]);
  // Whoever only waits for `ended` has not forgotten anything.
  ready.catch(() => undefined);
  return {
    address: listener.address,
    ready,
    ended: ended.then((end) => end.code),
    left: pool.ended.then((end) => end.code),
    reload: () => {
      if (pool.state.target === 0) pool.scale(options.workers);
      return pool.reload();
    },
    scale: (workers) => pool.scale(workers),
    resize: (workers) => pool.resize(workers),
    pause: () => pool.scale(0),
    upgrade: (environment = {}) => upgrade.request(environment),
    stop,
    leave: () => departure.begin(),
    linger: (lingerMs) => {
      pool.linger(lingerMs);
      if (pool.isTakenOut) departure.release();
    },
    lameDuck: (isOn) => pool.lameDuck(isOn),
    reopenLogs: () => {
      options.reopenLog?.();
      pool.reopenLogs();
    },
    metrics: () => renderMetrics(statusOf(listener, pool, upgrade), pool.watch.tally),
    status: () => statusOf(listener, pool, upgrade),
  };
}

/** The stop at once, and the one that gives the edges time to know. */
function makeWaysOut({ options, pool, upgrade, listener }: Parts): {
  readonly stop: (mode: StopMode) => void;
  readonly departure: Departure;
} {
  const { controller, graceMs, logger } = options;
  const inBand = new InBandLeave(options, pool, listener);
  const stop = (mode: StopMode): void => {
    upgrade.stop(mode);
    pool.stop(mode);
  };
  const leave = (spentMs: number): void => {
    const isAlone = upgrade.phase === 'idle';
    upgrade.stop('graceful');
    pool.spendGrace(spentMs);
    if (!isAlone || !inBand.begin(graceMs - spentMs)) pool.stop('graceful');
  };
  const departure = new Departure({
    controller,
    graceMs,
    logger,
    isTakenOut: () => pool.isTakenOut,
    turnLameDuck: () => pool.lameDuck(true),
    leave,
  });
  return { stop, departure };
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

function statusOf(listener: Listener, pool: RunningPool, { phase }: RunningUpgrade): MasterStatus {
  const { state } = pool;
  return {
    pid: process.pid,
    state: poolStatus(state),
    address: formatAddress(listener.address),
    generation: state.generation,
    target: state.target,
    crashes: state.crashes,
    isLameDuck: pool.isLameDuck,
    ...(phase === 'idle' ? {} : { upgrade: phase }),
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
