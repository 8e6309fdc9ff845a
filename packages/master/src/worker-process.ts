import { type ChildProcess, spawn } from 'node:child_process';
import type { MasterToWorker, WorkerAssignment, WorkerCounts, WorkerToMaster } from '@lameduck/core';
import type { Logger } from 'pino';
import type { MasterOptions } from './options.ts';

/** The listening socket is the first descriptor after standard error; the IPC channel follows it. */
const listenerFd = 3;
/** The exit may overtake the worker's last words; longer than this nobody waits for them. */
const lastWordsMs = 50;
/** Part of the kill margin that the application's shutdown hooks may use after the whole grace period. */
const hooksShare = 0.6;

/** What a worker's process tells its owner. */
export interface WorkerListener {
  message(message: WorkerToMaster): void;
  exited(code: number | null, signal: NodeJS.Signals | null): void;
}

/** The master's view of one worker's process. */
export interface WorkerHandle {
  readonly pid: number | undefined;
  readonly startedAt: number;
  /** As of the last beat. */
  readonly counts: WorkerCounts;
  signal(signal: NodeJS.Signals): void;
  send(message: MasterToWorker): void;
}

const noCounts: WorkerCounts = { open: 0, idle: 0, inFlight: 0, answered: 0, rssBytes: 0, loopLagMs: 0 };

/** Starts one worker with the inherited socket; a process that could not be made is told as an exit. */
export function spawnWorker(
  options: MasterOptions,
  place: { readonly id: number; readonly generation: number },
  fd: number,
  listener: WorkerListener,
): WorkerHandle {
  const child = spawn(process.execPath, [...(options.nodeArguments ?? []), options.workerScript], {
    cwd: options.directory ?? process.cwd(),
    env: {
      ...(options.environment ?? process.env),
      LAMEDUCK_WORKER: JSON.stringify(assignment(options, place)),
    },
    stdio: ['ignore', 'inherit', 'inherit', fd, 'ipc'],
  });
  let counts = noCounts;
  child.on('message', (message) => {
    if (!isWorkerMessage(message)) return;
    if (message.type === 'beat') counts = message.counts;
    listener.message(message);
  });
  listenToEnd(child, listener, options.logger);
  return {
    pid: child.pid,
    startedAt: performance.now(),
    get counts(): WorkerCounts {
      return counts;
    },
    signal: (signal) => void child.kill(signal),
    send: (message) => {
      // A worker that has just gone is told by its exit, not here.
      if (child.connected) child.send(message, () => undefined);
    },
  };
}

function assignment(
  options: MasterOptions,
  { id, generation }: { readonly id: number; readonly generation: number },
): WorkerAssignment {
  const { entry, graceMs, killMarginMs, lingerMs, keepAliveMs, readinessPath, livenessPath } = options;
  return {
    id,
    generation,
    entry,
    fd: listenerFd,
    graceMs,
    lingerMs,
    keepAliveMs,
    readinessPath,
    livenessPath,
    // Deadlines nest: the application's hooks must be over before we kill.
    shutdownMs: Math.round(killMarginMs * hooksShare),
  };
}

function listenToEnd(child: ChildProcess, listener: WorkerListener, logger: Logger): void {
  child.once('exit', (code, signal) => {
    if (!child.connected) {
      listener.exited(code, signal);
      return;
    }
    const finish = (): void => {
      clearTimeout(timer);
      child.off('disconnect', finish);
      listener.exited(code, signal);
    };
    const timer = setTimeout(finish, lastWordsMs);
    child.once('disconnect', finish);
  });
  child.on('error', (error) => {
    logger.error({ pid: child.pid, reason: error.message }, 'worker process failed');
    if (child.pid === undefined) {
      listener.message({ type: 'failed', message: error.message });
      listener.exited(null, null);
    }
  });
}

const messageTypes: ReadonlySet<unknown> = new Set<WorkerToMaster['type']>([
  'ready',
  'beat',
  'draining',
  'drained',
  'failed',
]);

/** An application may use the channel for messages of its own. */
function isWorkerMessage(message: unknown): message is WorkerToMaster {
  return (
    typeof message === 'object' && message !== null && 'type' in message && messageTypes.has(message.type)
  );
}
