import type { SendHandle } from 'node:child_process';
import type { MasterToWorker, WorkerToMaster } from '@lameduck/core';
import type { HandOffLink } from './hand-off/hand-off.ts';

/** The IPC channel to the master; without one (run by hand) everything is dropped. */
export interface MasterLink {
  send(message: WorkerToMaster): void;
  /** Resolves when the message is written, or cannot be, or half a second has passed. */
  flush(message: WorkerToMaster): Promise<void>;
  readonly handOff: HandOffLink;
}

const flushMs = 500;

function write(message: WorkerToMaster, done: (isWritten: boolean) => void): void {
  // With a callback a channel that is just closing is no exception.
  if (process.send !== undefined && process.connected)
    process.send(message, undefined, undefined, (error) => done(error === null));
  else done(false);
}

const handOff: HandOffLink = {
  offer: (connection, handle, failed) => {
    if (process.send === undefined || !process.connected) throw new Error('no channel to a master');
    const message: WorkerToMaster = { type: 'handOff', connection };
    process.send(message, handle as unknown as SendHandle, undefined, (error) => {
      if (error !== null) failed();
    });
  },
  adopted: (connection, isTaken, done) => write({ type: 'adopted', connection, isTaken }, done),
};

/** Connects to the master that spawned this process. `onLost` runs once, when the master is gone. */
export function connectMaster(
  onMessage: (message: MasterToWorker, handle: unknown) => void,
  onLost: () => void,
): MasterLink {
  process.once('disconnect', onLost);
  process.on('message', (message, handle) => onMessage(message as MasterToWorker, handle));
  return {
    handOff,
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
