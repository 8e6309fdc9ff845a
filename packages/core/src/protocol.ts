/**
 * The messages between processes: master and worker over IPC, and what a master tells on its control socket.
 * Types only, so that `@lameduck/worker` can import them without a dependency at run time.
 */

/** Lines of the access log: JSON, or as Apache and nginx write them. */
export type AccessLogFormat = 'json' | 'combined';

/** Why a healthy worker is replaced. */
export type RecycleReason = 'maxRequests' | 'maxMemory';

/** How long the answers of one worker took, since its start. */
export interface LatencyCounts {
  /** Answers within each of the assignment's `latencyBucketsMs` and not within the one before; the rest is last. */
  readonly buckets: readonly number[];
  readonly sumMs: number;
}

/** What a worker is told when it is started: JSON in the environment variable `LAMEDUCK_WORKER`. */
export interface WorkerAssignment {
  readonly id: number;
  readonly generation: number;
  /** Absolute path of the module that exports the application, or of a program that listens. */
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
  /**
   * Most time for the application's shutdown hooks from the end of the grace period; before, they have what is left of
   * that. The worker has a default.
   */
  readonly shutdownMs?: number;
  /** How long a half-sent request header may hold the drain. The worker has a default. */
  readonly headerMs?: number;
  /** Most time for WebSockets and event streams after they were told to leave. The worker has a default. */
  readonly sessionMs?: number;
  /** Time between failing readiness and the end of accepting when the whole node leaves; a part of `graceMs`. */
  readonly lameDuckMs?: number;
  /** Ready when the application says `process.send('ready')`, not when it listens. */
  readonly waitReady?: boolean;
  /** Paths that the worker asks its application for before it is ready. */
  readonly warmUp?: readonly string[];
  /** PEM files: TLS. */
  readonly certfile?: string;
  readonly keyfile?: string;
  /** HTTP/2 beside HTTP/1.1. */
  readonly http2?: boolean;
  /** Limits of one request; 0 or none: Node's own. */
  readonly requestTimeoutMs?: number;
  readonly limitRequestBody?: number;
  readonly limitRequestHeaderSize?: number;
  readonly limitRequestHeaderFields?: number;
  /** Answer clients that half-close after their request. */
  readonly allowHalfOpen?: boolean;
  /** Upper bounds of the buckets in which the worker counts how long answers take; it measures nothing without. */
  readonly latencyBucketsMs?: readonly number[];
  /** Absolute path, or `-` for standard output. */
  readonly accessLog?: { readonly path: string; readonly format: AccessLogFormat };
  /** What the edge says in `X-Lameduck-Retry` with a request that it will send elsewhere if it is bounced. */
  readonly promiseToken?: string;
  /** A directory of this user alone for what V8 has compiled. */
  readonly compileCache?: string;
  /** Tell where a blocked event loop stands when SIGUSR1 asks. */
  readonly hangStack?: boolean;
}

/** What a master hands on to each worker as it is. */
export type WorkerOptions = Pick<
  WorkerAssignment,
  | 'sessionMs'
  | 'lameDuckMs'
  | 'waitReady'
  | 'warmUp'
  | 'certfile'
  | 'keyfile'
  | 'http2'
  | 'requestTimeoutMs'
  | 'limitRequestBody'
  | 'limitRequestHeaderSize'
  | 'limitRequestHeaderFields'
  | 'allowHalfOpen'
  | 'promiseToken'
>;

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

/** What a worker does before it is ready, in this order; those that its application has no use for are left out. */
export type StartStep = 'loading' | 'startup' | 'preparing' | 'warmUp' | 'waitReady';

export type WorkerToMaster =
  /** It begins with that; the first one is its first sign of life. */
  | { readonly type: 'starting'; readonly step: StartStep }
  | { readonly type: 'ready' }
  /** Every second, and once more before the exit. Any message counts as a sign of life. */
  | { readonly type: 'beat'; readonly counts: WorkerCounts; readonly latency?: LatencyCounts }
  | { readonly type: 'draining' }
  /** After `bounce`: requests have arrived, bounced or not; told at most every 50 ms. */
  | { readonly type: 'busy' }
  /** The drain has ended; `aborted` names what outlived the grace period, as `METHOD /path`. */
  | { readonly type: 'drained'; readonly aborted: readonly string[] }
  /** The application's shutdown hooks had so long, and were not done. */
  | { readonly type: 'shutdownCut'; readonly ms: number }
  /** The worker could not start and is about to exit 3. */
  | { readonly type: 'failed'; readonly message: string }
  /** Comes with the handle of an idle connection, which a sibling shall serve on; numbered by the worker. */
  | { readonly type: 'handOff'; readonly connection: number }
  /** Told before the first byte is read from an adopted connection; not taken means that none will be. */
  | { readonly type: 'adopted'; readonly connection: number; readonly isTaken: boolean }
  /** The event loop does not turn, and this is where it stands. The one message that is no sign of life. */
  | { readonly type: 'hung'; readonly stack: readonly string[] };

export type MasterToWorker =
  /** So much is left of the grace period: the node was told to leave before this worker is. */
  | { readonly type: 'grace'; readonly graceMs: number }
  /** No edge can pick this node any more: idle connections need not linger. */
  | { readonly type: 'linger'; readonly lingerMs: number }
  /** Readiness fails while it is on; everything is still served. */
  | { readonly type: 'lameDuck'; readonly isOn: boolean }
  /** The access log was moved away: open it again under its name. */
  | { readonly type: 'reopenLogs' }
  /** Drain, and hand each connection over as it becomes idle: siblings stay. */
  | { readonly type: 'leave' }
  /**
   * The whole node leaves, and no edge was told: be a lame duck that accepts, and bounce what the edge has promised to
   * send elsewhere; until `release`, at most for `ms`.
   */
  | { readonly type: 'bounce'; readonly ms: number }
  /** Stop accepting now; go on as after SIGTERM. */
  | { readonly type: 'release' }
  /** Comes with the handle of a connection of a sibling; numbered by the master. */
  | { readonly type: 'adopt'; readonly connection: number }
  /** What became of a `handOff`; not taken means that the worker still serves it, and that no sibling can. */
  | { readonly type: 'handedOff'; readonly connection: number; readonly isTaken: boolean };

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

/** `paused`: no worker is wanted, and new connections wait. */
export type MasterState = 'starting' | 'ready' | 'reloading' | 'degraded' | 'paused' | 'stopping';

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
  /** Readiness fails on demand. */
  readonly isLameDuck?: boolean;
  /** While a new master takes this one's place. */
  readonly upgrade?: 'starting' | 'handingOver' | 'announcing' | 'backingOut' | 'left';
  readonly workers: readonly WorkerStatus[];
}

/** What a master that is being upgraded tells its successor: JSON in the environment variable `LAMEDUCK_UPGRADE`. */
export interface Succession {
  /** Number of the inherited listening socket. */
  readonly fd: number;
  /** As the old master has it: the kernel knows another name of a unix socket. */
  readonly address: string;
  /** The file of a unix socket is ours to remove at the end. */
  readonly ownsFile: boolean;
  readonly isLameDuck: boolean;
  /** The old master. */
  readonly pid: number;
}

/** Over the IPC channel between an old master and its successor. The end of the channel is the end of the old one's say. */
export type SuccessorToMaster =
  /** All its workers are ready. */
  | { readonly type: 'masterReady'; readonly pid: number }
  /** Pid file and control socket are its own now. */
  | { readonly type: 'tookOver' }
  | { readonly type: 'masterFailed'; readonly message: string };

export type MasterToSuccessor = { readonly type: 'takeOver' };

/** Body of every error answer on a control socket. */
export interface ErrorBody {
  readonly error: { readonly code: string; readonly message: string; readonly details?: unknown };
}
