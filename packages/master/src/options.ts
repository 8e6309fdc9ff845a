import type { AccessLogFormat, Address, WorkerOptions } from '@lameduck/core';
import type { Logger } from 'pino';
import type { ControllerAddress } from './announce.ts';
import type { MasterHooks } from './hooks.ts';
import type { Launch } from './launch.ts';
import type { SignalSource } from './signals.ts';

/** What a master is started with; every duration is in milliseconds. */
export interface MasterOptions {
  /** Absolute path of the module that exports the application. */
  readonly entry: string;
  readonly workers: number;
  /** TCP address (port 0 takes a free one) or unix socket, owned by the master for its whole life. */
  readonly address: Address;
  /** File mode of a unix socket `address`; 0600 unless told. */
  readonly socketMode?: number;
  /** Absolute path of the script each worker runs (`@lameduck/worker/main`). */
  readonly workerScript: string;
  /** Options for the worker's Node, such as `--import`. */
  readonly nodeArguments?: readonly string[];
  readonly environment?: Readonly<Record<string, string | undefined>>;
  readonly directory?: string;
  /** Most time a worker's drain may take (`timeoutGracefulShutdown`). */
  readonly graceMs: number;
  /** A worker that is still there this long after its grace period is killed. */
  readonly killMarginMs: number;
  readonly lingerMs: number;
  /** False: connections linger also where a sibling could take them over. True unless told. */
  readonly handOff?: boolean;
  readonly keepAliveMs: number;
  /** From a worker's start to `ready`, and from its start to its first sign of life. */
  readonly readyTimeoutMs: number;
  readonly bootTimeoutMs: number;
  /** A new worker serves beside the one it replaces for so long, before that leaves; `shared`: 8 s for all; 0 unless told. */
  readonly minReadyMs?: number | 'shared';
  /** Longest time a ready worker's event loop may be blocked; within a second more it is killed. */
  readonly heartbeatTimeoutMs: number;
  readonly readinessPath: string;
  readonly livenessPath: string;
  /** Protocols, limits and budgets that are the worker's own affair. */
  readonly worker?: WorkerOptions;
  /** Unix socket of the control API; none without it. */
  readonly controlPath?: string | undefined;
  readonly pidfile?: string | undefined;
  /** Asked to take this node out of rotation when SIGTERM comes from somebody else. */
  readonly controller?: ControllerAddress | undefined;
  /** Replace a worker, ready-first, after so many requests (and up to so many more), or above so much memory. */
  readonly maxRequests?: number;
  readonly maxRequestsJitter?: number;
  readonly maxMemoryBytes?: number;
  /** Most workers being replaced for that at once; 1 unless told. */
  readonly maxRecycling?: number;
  /** Log the JavaScript stack of a blocked worker before it is killed. True unless told. */
  readonly hangStack?: boolean;
  /** Where workers write a line for each answer: an absolute path, or `-` for standard output. */
  readonly accessLog?: { readonly path: string; readonly format: AccessLogFormat } | undefined;
  readonly metrics?: MetricsOptions;
  readonly hooks?: MasterHooks;
  readonly logger: Logger;
  /** Opens the file behind `logger` again, after it was moved away. */
  readonly reopenLog?: (() => void) | undefined;
  /** What `takeLaunch` read at the start: an inherited socket, systemd, an old master, the way to start once more. */
  readonly launch?: Launch | undefined;
  /** Where signals come from (`process`); without it the master obeys none. */
  readonly signals?: SignalSource | undefined;
}

/** What is measured beyond the counts that always are, and where else `GET /metrics` is served. */
export interface MetricsOptions {
  /** Workers measure how long answers take. */
  readonly latency: boolean;
  readonly address?: Address | undefined;
  /** Wanted as a bearer token on `address`. */
  readonly token?: string | undefined;
}
