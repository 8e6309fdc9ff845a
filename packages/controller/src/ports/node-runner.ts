import type { ArbiterView, MasterStatus, WorkerView } from '@lameduck/core';

/** A process that cannot be confused with a later one of the same pid. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Clock ticks after boot, field 22 of /proc/PID/stat. */
  readonly startTime: number;
}

/** One process of a node that serves, with the numbers that its master tells, where it does. */
export type RunningWorker = WorkerView;

/**
 * Starts and stops the processes of one node. Every call is safe to repeat. Nodes run detached: the end of the
 * controller ends no node. Errors: `startFailed`, `addressInUse`, `binaryMissing`, `entryUnusable`, `pidFile`.
 */
export interface NodeRunner {
  /** The node's main process, if it runs: found by pid file or record, trusted only with its start time. */
  find(): Promise<ProcessIdentity | undefined>;
  /** The command that `start` would run; throws what `start` would throw before it runs anything. */
  check(signal: AbortSignal): Promise<readonly string[]>;
  /** Resolves when the main process is known; it need not serve yet. Rejects if it ends before. */
  start(signal: AbortSignal): Promise<ProcessIdentity>;
  /** Resolves when the main process has ended although nobody asked for it, with the end of its log. */
  died(node: ProcessIdentity, signal: AbortSignal): Promise<string>;
  /** Sends SIGTERM to the main process, which relays it. Edges send nothing any more: connections need not linger. */
  terminate(node: ProcessIdentity): Promise<void>;
  /** Resolves when no process of the node's tree is left; a zombie counts as ended. */
  exited(node: ProcessIdentity, signal: AbortSignal): Promise<void>;
  /** SIGKILL to the whole tree; resolves with the pids once they are gone. */
  kill(node: ProcessIdentity): Promise<readonly number[]>;
  workers(node: ProcessIdentity): Promise<readonly RunningWorker[]>;
  /** What our own master tells of itself; missing where the node has another one. Rejects where it does not answer. */
  master?(): Promise<MasterStatus>;
  /** What is known of a Gunicorn's arbiter; missing where the node has none. Never rejects, and takes half a second at most. */
  arbiter?(node: ProcessIdentity): Promise<ArbiterView | undefined>;
  /** Where what its processes print is kept, if that is a file. */
  readonly logFile?: string;
}
