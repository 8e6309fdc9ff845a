import type { Address } from '@lameduck/core';
import type { Logger } from 'pino';
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
  readonly keepAliveMs: number;
  /** From a worker's start to `ready`, and from its start to its first sign of life. */
  readonly readyTimeoutMs: number;
  readonly bootTimeoutMs: number;
  /** Longest time a ready worker's event loop may be blocked. */
  readonly heartbeatTimeoutMs: number;
  readonly readinessPath: string;
  readonly livenessPath: string;
  /** Unix socket of the control API; none without it. */
  readonly controlPath?: string | undefined;
  readonly pidfile?: string | undefined;
  readonly logger: Logger;
  /** Where signals come from (`process`); without it the master obeys none. */
  readonly signals?: SignalSource | undefined;
}
