/**
 * The messages between processes: master and worker over IPC, and what a master tells on its control socket.
 * Types only, so that `@lameduck/worker` can import them without a dependency at run time.
 */

/** What a worker is told when it is started: JSON in the environment variable `LAMEDUCK_WORKER`. */
export interface WorkerAssignment {
  readonly id: number;
  readonly generation: number;
  /** Absolute path of the module that exports the application. */
  readonly entry: string;
  /** Number of the inherited listening socket. */
  readonly fd: number;
  /** Most time the drain may take before what is left is aborted. */
  readonly graceMs: number;
  /** How long idle connections may stay open for the peer to close first. */
  readonly lingerMs: number;
  /** Idle time after which the worker closes a keep-alive connection; longer than the edge's. */
  readonly keepAliveMs: number;
  readonly readinessPath: string;
  readonly livenessPath: string;
  /** Most time for the application's shutdown hooks, after the grace period at the latest. The worker has a default. */
  readonly shutdownMs?: number;
  /** How long a half-sent request header may hold the drain. The worker has a default. */
  readonly headerMs?: number;
}

/** Counts of one worker at one moment. */
export interface WorkerCounts {
  /** Open connections, and those of them without a request. */
  readonly open: number;
  readonly idle: number;
  /** Upgraded connections (WebSocket), which are not in flight. */
  readonly sessions?: number;
  /** Requests begun and not answered. */
  readonly inFlight: number;
  /** Requests answered since the start. */
  readonly answered: number;
  readonly rssBytes: number;
  readonly loopLagMs: number;
}

export type WorkerToMaster =
  | { readonly type: 'ready' }
  /** Every second, and once more before the exit. Any message counts as a sign of life. */
  | { readonly type: 'beat'; readonly counts: WorkerCounts }
  | { readonly type: 'draining' }
  /** The drain has ended; `aborted` names what outlived the grace period, as `METHOD /path`. */
  | { readonly type: 'drained'; readonly aborted: readonly string[] }
  /** The worker could not start and is about to exit 3. */
  | { readonly type: 'failed'; readonly message: string };

export type MasterToWorker =
  /** No edge can pick this node any more: idle connections need not linger. */
  { readonly type: 'linger'; readonly lingerMs: number };

export type WorkerState = 'booting' | 'ready' | 'draining';

/** `GET /status` of a master's control socket, one element for each worker. */
export interface WorkerStatus extends WorkerCounts {
  readonly id: number;
  readonly pid: number;
  readonly generation: number;
  readonly state: WorkerState;
  /** Milliseconds since the worker was spawned. */
  readonly ageMs: number;
}

export type MasterState = 'starting' | 'ready' | 'reloading' | 'degraded' | 'stopping';

/** `GET /status` of a master's control socket. */
export interface MasterStatus {
  readonly pid: number;
  readonly state: MasterState;
  readonly address: string;
  readonly generation: number;
  /** Workers wanted. */
  readonly target: number;
  /** Workers that crashed since the start. */
  readonly crashes: number;
  readonly workers: readonly WorkerStatus[];
}

/** Body of every error answer on a control socket. */
export interface ErrorBody {
  readonly error: { readonly code: string; readonly message: string; readonly details?: unknown };
}
