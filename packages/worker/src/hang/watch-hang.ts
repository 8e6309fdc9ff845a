import { Worker } from 'node:worker_threads';

/** How often the main thread says that its loop turns. */
const signMs = 250;

/** What the watching thread is told. */
export interface HangWatchData {
  /** One 32-bit counter that the main thread raises. */
  readonly turns: SharedArrayBuffer;
  readonly fd: number;
  readonly afterMs: number;
}

/** Starts a thread that writes the stack of this one to `fd` once its event loop has not turned for `afterMs`. */
export function watchHang(fd: number, afterMs: number): void {
  const turns = new SharedArrayBuffer(4);
  const view = new Int32Array(turns);
  setInterval(() => Atomics.add(view, 0, 1), signMs).unref();
  const workerData: HangWatchData = { turns, fd, afterMs };
  // What the application preloads (--import, NODE_OPTIONS) is not for this thread.
  const thread = new Worker(new URL('./hang-watcher.js', import.meta.url), {
    workerData,
    execArgv: [],
    env: {},
    resourceLimits: { maxOldGenerationSizeMb: 32 },
  });
  thread.unref();
  // Without it a hung worker is killed all the same, only without its stack.
  thread.on('error', () => undefined);
}
