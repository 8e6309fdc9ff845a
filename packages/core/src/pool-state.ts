import type { ErrorCode } from './errors.ts';
import type { MasterState, StartStep } from './protocol.ts';

/** Budgets of a pool, fixed for its life. */
export interface PoolSettings {
  /** Processes a reload may run beyond the target, draining ones included. */
  readonly extraWorkers: number;
  /** The same for the replacement of worn workers: so many are being replaced at once. */
  readonly maxRecycling: number;
  /** Places that boot or wait for their next try at the same time, at most, before another one is added. */
  readonly maxComing: number;
  /** From the spawn to the first sign of life, and from the spawn to `ready`. */
  readonly bootTimeoutMs: number;
  readonly readyTimeoutMs: number;
  /** Longest silence of a ready worker: longer than a loop may be blocked by the time between two beats. */
  readonly heartbeatTimeoutMs: number;
  /** From the request to leave to SIGKILL: the worker's own grace period and a margin. */
  readonly deadlineMs: number;
  /** The same for a quick stop. */
  readonly quickMs: number;
  /**
   * A new worker that has been ready this long is available: only then another one leaves for it. `shared`: all
   * workers of a reload share 8 s, 1 to 4 s each.
   */
  readonly minReadyMs: number | 'shared';
  /** A worker that was ready this long has made good the crashes of its predecessors. */
  readonly healthyMs: number;
  /** What Node is told to run before the application (`--import MODULE`), for messages. */
  readonly nodeArguments?: string | undefined;
}

/** `waiting` has no process: its back-off timer runs. */
export type PlaceState = 'waiting' | 'booting' | 'ready' | 'draining';

/** One place of the pool and, unless it is waiting, its process. */
export interface PoolWorker {
  readonly id: number;
  readonly generation: number;
  readonly state: PlaceState;
  /** Crashes in a row of this place. */
  readonly crashes: number;
  readonly isKilled: boolean;
  /** Ready for as long as `minReadyMs` wants. */
  readonly isAvailable?: boolean;
  /** Served enough, or grew too large: to be replaced, ready-first. */
  readonly isWorn?: boolean;
  /** How far its start has come. */
  readonly step?: StartStep;
  /** Why it could not start, in the worker's own words. */
  readonly failure?: string;
}

export type StopMode = 'graceful' | 'quick';

/** Why a pool never came up. */
export interface PoolFailure {
  readonly code: Extract<ErrorCode, 'entryUnusable' | 'startFailed'>;
  readonly message: string;
}

interface Common {
  readonly settings: PoolSettings;
  readonly target: number;
  /** Of the workers that serve, and the highest that was ever tried: a failed reload uses up its number. */
  readonly generation: number;
  readonly lastGeneration: number;
  readonly nextId: number;
  readonly workers: readonly PoolWorker[];
  /** Since the start, of all places. */
  readonly crashes: number;
  readonly isAnnounced: boolean;
  /** Those who wait for the reload after the current one; `undefined` where none was asked for. */
  readonly nextReload?: readonly number[] | undefined;
}

export type PoolState =
  | (Common & { readonly phase: 'starting' })
  | (Common & { readonly phase: 'ready' })
  | (Common & { readonly phase: 'reloading'; readonly fresh: number; readonly tickets: readonly number[] })
  | (Common & {
      readonly phase: 'stopping';
      readonly mode: StopMode;
      /** Workers that outlived their deadline, or ended requests that did. */
      readonly killed: number;
      readonly failure?: PoolFailure | undefined;
    })
  | (Common & { readonly phase: 'stopped'; readonly exitCode: number });

export type TimerName = 'respawn' | 'boot' | 'ready' | 'available' | 'healthy' | 'heartbeat' | 'deadline';

/** A timer belongs to one place; starting it again replaces it. */
export interface PoolTimer {
  readonly name: TimerName;
  readonly id: number;
}

export type PoolEvent =
  | { readonly type: 'startRequested' }
  /** Any message of a worker. */
  | { readonly type: 'workerHeard'; readonly id: number }
  | { readonly type: 'workerStarting'; readonly id: number; readonly step: StartStep }
  | { readonly type: 'workerReady'; readonly id: number }
  | { readonly type: 'workerFailed'; readonly id: number; readonly message: string }
  /** It leaves, asked or by itself. */
  | { readonly type: 'workerDraining'; readonly id: number }
  | {
      readonly type: 'workerExited';
      readonly id: number;
      readonly code: number | null;
      readonly signal: string | null;
    }
  | { readonly type: 'timerFired'; readonly timer: PoolTimer }
  /** A ready worker shall be replaced for its age or memory. */
  | { readonly type: 'recycleRequested'; readonly id: number }
  | { readonly type: 'reloadRequested'; readonly ticket?: number }
  | { readonly type: 'scaleRequested'; readonly workers: number }
  /** `spentMs` of the graceful timeout are over. */
  | { readonly type: 'stopRequested'; readonly mode: StopMode; readonly spentMs?: number };

export type KillReason = 'bootExpired' | 'readyExpired' | 'silent' | 'deadlinePassed';

export type ReloadOutcome =
  | { readonly type: 'done'; readonly generation: number }
  | { readonly type: 'failed'; readonly message: string };

export type PoolEffect =
  /** `isSpare`: as many as are wanted serve meanwhile, so that there is no hurry. */
  | {
      readonly type: 'spawnWorker';
      readonly id: number;
      readonly generation: number;
      readonly isSpare: boolean;
    }
  | { readonly type: 'terminateWorker'; readonly id: number }
  | { readonly type: 'quitWorker'; readonly id: number }
  | { readonly type: 'killWorker'; readonly id: number; readonly reason: KillReason }
  | { readonly type: 'startTimer'; readonly timer: PoolTimer; readonly ms: number }
  | { readonly type: 'cancelTimer'; readonly timer: PoolTimer }
  /** All timers of one place. */
  | { readonly type: 'cancelTimers'; readonly id: number }
  | { readonly type: 'replyReload'; readonly tickets: readonly number[]; readonly outcome: ReloadOutcome }
  /** All first workers are ready; told once. */
  | { readonly type: 'announceReady' }
  | { readonly type: 'exit'; readonly code: number; readonly failure?: PoolFailure | undefined };

/** A pool before `startRequested`. */
export function initialPool(settings: PoolSettings, target: number): PoolState {
  return {
    phase: 'starting',
    settings,
    target,
    generation: 1,
    lastGeneration: 1,
    nextId: 1,
    workers: [],
    crashes: 0,
    isAnnounced: false,
  };
}

/** The state as operators see it; `degraded` is a place that crashed and is empty, or crashed again and again. */
export function poolStatus(state: PoolState): MasterState {
  if (state.phase === 'stopping' || state.phase === 'stopped') return 'stopping';
  if (state.phase === 'reloading') return 'reloading';
  if (state.target === 0) return 'paused';
  const isDegraded = state.workers.some(
    (worker) => worker.crashes > 1 || (worker.crashes > 0 && worker.state !== 'ready'),
  );
  if (isDegraded) return 'degraded';
  return state.isAnnounced ? 'ready' : 'starting';
}

/**
 * Wait before the next try after `crashes` in a row. None after the first, so that one crash costs no capacity; then
 * 1.5 s, 2.25 s, 3.4 s … at most 30 s. Like einhorn's `seconds × 1.5^deaths`.
 */
export function backOffMs(crashes: number): number {
  return crashes <= 1 ? 0 : Math.round(Math.min(30_000, 1000 * 1.5 ** (crashes - 1)));
}
