import { setTimeout as pause } from 'node:timers/promises';
import { LameduckError, type MasterToSuccessor, type SuccessorToMaster } from '@lameduck/core';

/** The master that started this one and serves until this one does. */
export interface Predecessor {
  /** Tells that all workers are ready; resolves when pid file and control socket may be taken. Code: `startFailed`. */
  ready(): Promise<void>;
  /** Pid file and control socket are taken. */
  tookOver(): void;
  /** Resolves when the old master has no say any more: it leaves, or is gone. */
  readonly released: Promise<void>;
  /** Tells why this one gives up. */
  failed(message: string): Promise<void>;
  /** Ends the channel from our side, which releases nothing. */
  close(): void;
}

const flushMs = 500;
const pollMs = 50;

/** `process`, or what stands for it in a test. */
export type ParentLink = Pick<NodeJS.Process, 'send' | 'connected' | 'on' | 'off' | 'once' | 'disconnect'>;

/** Talks to the old master over the IPC channel; where that is gone already, there is nobody to wait for. */
export function connectPredecessor(link: ParentLink, answerMs: number): Predecessor {
  let onDisconnect: () => void = () => undefined;
  const released = new Promise<void>((resolve) => {
    onDisconnect = resolve;
    if (link.connected) link.once('disconnect', onDisconnect);
    else resolve();
  });
  return {
    released,
    ready: () => {
      const taken = waitForTakeOver(link, released, answerMs);
      send(link, { type: 'masterReady', pid: process.pid });
      return taken;
    },
    tookOver: () => send(link, { type: 'tookOver' }),
    failed: (message) =>
      new Promise((resolve) => {
        const timer = setTimeout(resolve, flushMs);
        send(link, { type: 'masterFailed', message }, () => {
          clearTimeout(timer);
          resolve();
        });
      }),
    close: () => {
      link.off('disconnect', onDisconnect);
      if (link.connected) link.disconnect();
    },
  };
}

/** Resolves when there is no such process, at the latest after that time. Its parent need not be us, so it is polled. */
export async function processGone(pid: number, withinMs: number): Promise<void> {
  const deadline = performance.now() + withinMs;
  while (isThere(pid) && performance.now() < deadline) await pause(pollMs);
}

function isThere(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    // somebody else's by now
    return false;
  }
}

function send(link: ParentLink, message: SuccessorToMaster, done: () => void = () => undefined): void {
  if (link.send !== undefined && link.connected) link.send(message, undefined, undefined, done);
  else done();
}

function waitForTakeOver(link: ParentLink, released: Promise<void>, answerMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const finish = (settle: () => void): void => {
      clearTimeout(timer);
      link.off('message', onMessage);
      settle();
    };
    const onMessage = (message: unknown): void => {
      if ((message as MasterToSuccessor | null)?.type === 'takeOver') finish(resolve);
    };
    const timer = setTimeout(() => finish(() => reject(noAnswer(answerMs))), answerMs);
    link.on('message', onMessage);
    void released.then(() => finish(resolve));
  });
}

function noAnswer(answerMs: number): LameduckError {
  return new LameduckError(
    'startFailed',
    `Cannot take over from the old master: an answer within ${answerMs} ms was wanted: current value is none`,
  );
}
