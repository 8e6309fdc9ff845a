import type { Address } from '@lameduck/core';
import type { ProcessIdentity, RunningWorker } from '../ports/node-runner.ts';
import type { LaunchOptions } from './launch-options.ts';
import type { ProcessTree } from './tree.ts';

/** The two verbs that a runner logs with; pino's logger has them. */
export interface RunnerLogger {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

/** What every runner must know about its node. */
export interface NodeProcessOptions {
  readonly node: string;
  readonly address: Address;
  /** Working directory of the node, absolute. */
  readonly directory: string;
  /** The whole environment of the node. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Absolute; holds `process.json`, `node.log` and the runner's own sockets and pid files. */
  readonly stateDirectory: string;
  readonly timeoutGracefulShutdownMs: number;
  readonly logger: RunnerLogger;
  readonly launch?: LaunchOptions;
  /**
   * How long a node that does not yet accept connections is watched before `start` resolves (3 s): most broken
   * applications end within it, and their log becomes the reason that `start` rejects with.
   */
  readonly settleMs?: number;
}

/** How to start one node. */
export interface Launch {
  readonly command: readonly string[];
  /** Added to the environment of the node where it has no such variable. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Of the server, where it tells. */
  readonly version?: string | undefined;
  /** Folders in which its processes write; made before the start. */
  readonly folders?: readonly string[];
}

/** What one runner does in its own way; everything else is common (`node-runner.ts`). */
export interface NodeKind {
  /** Checks what can be checked without a process, and gives the command; changes nothing. */
  prepare(signal: AbortSignal): Promise<Launch>;
  /** A file in which the main process names itself. */
  readonly pidFile?: string;
  /** `ours`: in our state directory, may be removed; `theirs`: names the main process, which need not be our child. */
  readonly pidFileOwner?: 'ours' | 'theirs';
  /** What shows that the node works: some process holds its socket, or one waits for connections on it. */
  readonly evidence: 'listening' | 'accepting';
  /** Asks the main process to end. */
  terminate(node: ProcessIdentity, tree: ProcessTree): Promise<void>;
  workers(node: ProcessIdentity, tree: ProcessTree): Promise<readonly RunningWorker[]>;
}
