import { type ChildProcess, type SendHandle, spawn } from 'node:child_process';
import type { MasterToWorker, WorkerAssignment, WorkerCounts, WorkerToMaster } from '@lameduck/core';
import type { Logger } from 'pino';
import { type Background, backgroundWords, followBackground } from './background.ts';
import { openCompileCache } from './compile-cache.ts';
import type { ConnectionHandle, HandOffWorker } from './hand-off.ts';
import { askHungArguments, canAskHung, type HangStack, HangWatch } from './hang-stack.ts';
import { latencyBucketsMs } from './metrics/latency-buckets.ts';
import type { MasterOptions } from './options.ts';

/** The listening socket is the first descriptor after standard error; the IPC channel follows it. */
const listenerFd = 3;
/** The exit may overtake the worker's last words; longer than this nobody waits for them. */
const lastWordsMs = 50;
/** Part of the kill margin that is the application's shutdown hooks' own, behind the whole grace period. */
const hooksShare = 0.6;

/** The request to leave goes over the channel, in order with all else; the signal follows so much later. */
const leaveMs = 1000;

/** What only a worker whose event loop turns can say. */
export type SignOfLife = Exclude<WorkerToMaster, { readonly type: 'hung' }>;

/** What a worker's process tells its owner. */
export interface WorkerListener {
  /** `handle` comes with a connection that is handed off. */
  message(message: SignOfLife, handle?: ConnectionHandle): void;
  exited(code: number | null, signal: NodeJS.Signals | null): void;
}

/** The master's view of one worker's process. */
export interface WorkerHandle extends HandOffWorker {
  readonly pid: number | undefined;
  readonly startedAt: number;
  /** As of the last beat. */
  readonly counts: WorkerCounts;
  signal(signal: NodeJS.Signals): void;
  /** Where it stands, if its event loop stands still. */
  readonly hangStack: HangStack | undefined;
  /** Asks it to leave and to hand its connections over. */
  leave(): void;
  /** Asks it to leave, but to accept and to bounce until `release`, at most for `ms`. */
  bounce(ms: number): void;
  release(): void;
}

const noCounts: WorkerCounts = { open: 0, idle: 0, inFlight: 0, answered: 0, rssBytes: 0, loopLagMs: 0 };

/** Which worker shall be started. */
export interface WorkerPlace {
  readonly id: number;
  readonly generation: number;
  /** Nobody waits for it: it may start in the background. */
  readonly isSpare: boolean;
}

/** Starts one worker with the inherited socket; a process that could not be made is told as an exit. */
export function spawnWorker(
  options: MasterOptions,
  place: WorkerPlace,
  fd: number,
  listener: WorkerListener,
): WorkerHandle {
  const { child, background } = startProcess(options, place, fd);
  let counts = noCounts;
  const hang = canAskHung(options) ? watchHang(child, options) : undefined;
  child.on('message', (message, handle) => {
    if (!isWorkerMessage(message)) return;
    if (message.type === 'beat') counts = message.counts;
    if (message.type === 'beat' || message.type === 'ready') hang?.beat();
    // No sign of life.
    if (message.type === 'hung') hang?.answered(message.stack);
    // Not before it runs as others do: then an old one leaves, and hands its connections over.
    else if (message.type === 'ready' && background !== undefined)
      void background.end().then(() => listener.message(message));
    else listener.message(message, handle as ConnectionHandle | undefined);
  });
  listenToEnd(child, listener, options.logger);
  return {
    pid: child.pid,
    startedAt: performance.now(),
    get counts(): WorkerCounts {
      return counts;
    },
    signal: (signal) => void child.kill(signal),
    send: (message) => void tell(child, message),
    leave: () => {
      tell(child, { type: 'leave' });
      // An application may have closed the channel; a second request to leave changes nothing.
      setTimeout(() => child.kill('SIGTERM'), child.connected ? leaveMs : 0).unref();
    },
    bounce: (ms) => {
      if (!tell(child, { type: 'bounce', ms })) child.kill('SIGTERM');
    },
    release: () => void tell(child, { type: 'release' }),
    sendHandle: (message, handle) => sendHandle(child, message, handle),
    get hangStack(): HangStack | undefined {
      return hang?.last;
    },
  };
}

function startProcess(
  options: MasterOptions,
  place: WorkerPlace,
  fd: number,
): { readonly child: ChildProcess; readonly background?: Background | undefined } {
  // Asked for the first workers, too: the answer is known when there are spare ones.
  const words = backgroundWords();
  const prefix = place.isSpare ? words : [];
  const hangArguments = canAskHung(options) ? askHungArguments : [];
  const nodeArguments = [...hangArguments, ...(options.nodeArguments ?? [])];
  const command = [...prefix, process.execPath, ...nodeArguments, options.workerScript];
  const child = spawn(command[0] ?? '', command.slice(1), {
    cwd: options.directory ?? process.cwd(),
    env: {
      ...(options.environment ?? process.env),
      LAMEDUCK_WORKER: JSON.stringify(assignment(options, place)),
    },
    stdio: ['ignore', 'inherit', 'inherit', fd, 'ipc'],
  });
  const isLowered = prefix.length > 0 && child.pid !== undefined;
  return { child, background: isLowered ? followBackground(child.pid, options.logger) : undefined };
}

function watchHang(child: ChildProcess, { heartbeatTimeoutMs }: MasterOptions): HangWatch {
  const hang = new HangWatch(heartbeatTimeoutMs, () => void child.kill('SIGUSR1'));
  child.once('exit', () => hang.close());
  return hang;
}

/** False without a channel. A worker that has just gone is told by its exit, not here. */
function tell(child: ChildProcess, message: MasterToWorker): boolean {
  if (child.connected) child.send(message, () => undefined);
  return child.connected;
}

function sendHandle(child: ChildProcess, message: MasterToWorker, handle: ConnectionHandle): boolean {
  if (!child.connected) return false;
  try {
    child.send(message, handle as unknown as SendHandle, {}, () => undefined);
    return true;
  } catch {
    // What this Node cannot send stays where it is.
    return false;
  }
}

function assignment(options: MasterOptions, { id, generation }: WorkerPlace): WorkerAssignment {
  const compileCache = openCompileCache(options.environment ?? process.env);
  const { entry, graceMs, killMarginMs, lingerMs, keepAliveMs, readinessPath, livenessPath } = options;
  return {
    ...options.worker,
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
    ...(compileCache === undefined ? {} : { compileCache }),
    ...observation(options),
  };
}

/** What a worker shall measure, log and tell. */
function observation(options: MasterOptions): Partial<WorkerAssignment> {
  const { metrics, accessLog } = options;
  return {
    ...(metrics?.latency === true ? { latencyBucketsMs } : {}),
    ...(accessLog === undefined ? {} : { accessLog }),
    ...(canAskHung(options) ? { hangStack: true } : {}),
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
  'starting',
  'ready',
  'beat',
  'draining',
  'busy',
  'drained',
  'shutdownCut',
  'failed',
  'handOff',
  'adopted',
  'hung',
]);

/** An application may use the channel for messages of its own. */
function isWorkerMessage(message: unknown): message is WorkerToMaster {
  return (
    typeof message === 'object' && message !== null && 'type' in message && messageTypes.has(message.type)
  );
}
