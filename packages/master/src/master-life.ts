import {
  formatAddress,
  LameduckError,
  type PoolState,
  parseAddress,
  type UpgradeSettings,
} from '@lameduck/core';
import { adoptSocket } from './adopt-socket.ts';
import { bindAddress, type Listener } from './bind-address.ts';
import type { Office } from './office.ts';
import type { MasterOptions } from './options.ts';
import { allReadyMs } from './pool-settings.ts';
import type { RunningPool } from './running-pool.ts';
import { type Supervised, superviseWithSystemd, unsupervised } from './systemd/supervised.ts';
import { connectPredecessor, type Predecessor, processGone } from './upgrade/predecessor.ts';
import { RunningUpgrade } from './upgrade/running-upgrade.ts';
import { startSuccessor } from './upgrade/successor.ts';

/** For a process to load the program and to bind; what its workers need comes on top. */
const bootMs = 10_000;
/** For pid file, control socket and supervisor. */
const handOverMs = 10_000;
/** Longer than a quick stop of the other master. */
const quickMs = 3000;
/** What the supervisor's own deadline must exceed ours by. */
const marginMs = 5000;

/** What a master's life beyond one process works on. */
export interface LifeParts {
  readonly pool: RunningPool;
  readonly listener: Listener;
  readonly office: Office;
}

/** The life of a service beyond one master process: whom it follows, who follows it, and who is kept informed. */
export class MasterLife {
  readonly #options: MasterOptions;
  readonly #predecessor: Predecessor | undefined;
  readonly #supervised: Supervised;
  #isInCharge: boolean;
  #isClosed = false;

  constructor(options: MasterOptions) {
    const { launch, logger } = options;
    this.#options = options;
    this.#isInCharge = launch?.succession === undefined;
    this.#predecessor =
      launch?.succession === undefined ? undefined : connectPredecessor(process, handOverMs);
    this.#supervised =
      launch?.notify === undefined
        ? unsupervised
        : superviseWithSystemd(launch.notify, budgetsOf(options), logger);
    if (launch?.otherPid !== undefined)
      logger.warn({ otherPid: launch.otherPid }, 'LISTEN_FDS is for another process');
  }

  /** No other master has a say any more. */
  get isInCharge(): boolean {
    return this.#isInCharge;
  }

  /** An old master serves until this one does. */
  get isSuccessor(): boolean {
    return this.#predecessor !== undefined;
  }

  /** The inherited socket, or the configured address. Codes as of `bindAddress`, and `config`. */
  openListener(): Promise<Listener> {
    const { launch, address, socketMode } = this.#options;
    return launch?.socket === undefined
      ? bindAddress(address, socketMode)
      : adoptSocket(launch.socket.fd, parseAddress(launch.succession?.address ?? ''));
  }

  observe(from: PoolState, to: PoolState): void {
    this.#supervised.observe(from, to);
  }

  /** Resolves when this master is in charge: at once, or when all its workers are ready and the old one lets go. */
  async begin({ pool, listener, office }: LifeParts): Promise<void> {
    const predecessor = this.#predecessor;
    if (predecessor === undefined) {
      this.#supervised.speak(() => pool.state);
      return;
    }
    void predecessor.released.then(() => {
      if (this.#isClosed) return;
      this.#isInCharge = true;
      listener.own(this.#options.launch?.succession?.ownsFile === true);
      this.#supervised.speak(() => pool.state);
    });
    await pool.announced;
    await predecessor.ready();
    await office.take(true);
    predecessor.tookOver();
  }

  /** What takes this master's place on request. */
  upgradeOf({ pool, listener, office }: LifeParts): RunningUpgrade {
    const { entry, logger, launch } = this.#options;
    const supervised = this.#supervised;
    return new RunningUpgrade(settingsOf(this.#options), {
      entry,
      logger,
      obstacle: () => this.#obstacle(pool.state),
      start: (environment, heard) => {
        if (launch?.command === undefined) throw new LameduckError('internal', 'no command line');
        const succession = {
          address: formatAddress(listener.address),
          ownsFile: listener.ownsFile,
          isLameDuck: pool.isLameDuck,
          pid: process.pid,
        };
        const { command, notify } = launch;
        const isSupervised = notify !== undefined;
        return startSuccessor({ command, environment, fd: listener.fd, succession, isSupervised }, heard);
      },
      announce: (pid) => supervised.announceMainPid(pid),
      reclaim: async () => {
        await office.take(true);
        await supervised.announceMainPid(process.pid);
      },
      leave: () => {
        supervised.fallSilent();
        listener.own(false);
        pool.stop('graceful');
      },
    });
  }

  /** Tells the old master why there will be no new one. */
  async fail(error: Error): Promise<void> {
    await this.#predecessor?.failed(error.message);
  }

  /** Resolves when the supervisor has been told everything. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#predecessor?.close();
    await this.#outlivePredecessor();
    await this.#supervised.close();
  }

  /**
   * With the main process ends all that is left of a unit: systemd kills an old master that still has requests. That one
   * has its own deadline, which began before ours.
   */
  async #outlivePredecessor(): Promise<void> {
    const { launch, graceMs, killMarginMs } = this.#options;
    const pid = launch?.succession?.pid;
    if (launch?.notify === undefined || pid === undefined || !this.#isInCharge) return;
    await processGone(pid, graceMs + killMarginMs + quickMs);
  }

  #obstacle({ phase }: PoolState): string | undefined {
    const { launch } = this.#options;
    if (launch?.command === undefined) return 'a master that no command line started';
    if (process.pid === 1) return 'pid 1 of a container, whose end would be the end of the container';
    if (launch.isUnnotifiable) return 'the main process of a systemd unit that is not of Type=notify';
    if (!this.#isInCharge) return 'a master that has not taken over itself';
    if (phase === 'starting') return 'a master that is starting';
    if (phase === 'reloading') return 'a master that is reloading';
    return phase === 'ready' ? undefined : 'a master that is stopping';
  }
}

function settingsOf(options: MasterOptions): UpgradeSettings {
  const { graceMs, killMarginMs } = options;
  return {
    readyMs: allReadyMs(options) + bootMs,
    handOverMs,
    backOutMs: graceMs + killMarginMs + quickMs,
    quickMs,
  };
}

function budgetsOf(options: MasterOptions): {
  readonly startMs: number;
  readonly stopMs: number;
  readonly reloadMs: number;
} {
  const { readyTimeoutMs, graceMs, killMarginMs, workers } = options;
  const deadlineMs = graceMs + killMarginMs;
  return {
    startMs: allReadyMs(options) + bootMs,
    stopMs: deadlineMs + marginMs,
    // One after the other.
    reloadMs: workers * (readyTimeoutMs + deadlineMs) + marginMs,
  };
}
