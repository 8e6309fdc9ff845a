import type { MasterToWorker, WorkerToMaster } from '@lameduck/core';

/** The IPC channel to the master; without one (run by hand) everything is dropped. */
export interface MasterLink {
  send(message: WorkerToMaster): void;
  /** Resolves when the message is written, or cannot be, or half a second has passed. */
  flush(message: WorkerToMaster): Promise<void>;
}

const flushMs = 500;

function write(message: WorkerToMaster, done: () => void): void {
  // With a callback a channel that is just closing is no exception.
  if (process.send !== undefined && process.connected) process.send(message, undefined, undefined, done);
  else done();
}

/** Connects to the master that spawned this process. `onLost` runs once, when the master is gone. */
export function connectMaster(onMessage: (message: MasterToWorker) => void, onLost: () => void): MasterLink {
  process.once('disconnect', onLost);
  process.on('message', (message) => onMessage(message as MasterToWorker));
  return {
    send: (message) => write(message, () => undefined),
    flush: (message) =>
      new Promise((resolve) => {
        const timer = setTimeout(resolve, flushMs);
        write(message, () => {
          clearTimeout(timer);
          resolve();
        });
      }),
  };
}
