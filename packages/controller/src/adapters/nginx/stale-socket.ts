import { lstatSync } from 'node:fs';
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { dropSocketFile } from './managed.ts';
import { findMaster } from './master.ts';

const lookMs = 500;
const confirmMs = 100;

/**
 * Removes the control socket's file when a killed nginx left it behind: nginx itself never does, and would not
 * start again. It retries a bind for 2.5 s, so that looking twice a second is in time. Gives the way to end it.
 */
export function watchStaleSocket(socket: string, pidFile: string): () => void {
  let isLooking = false;
  const timer = setInterval(() => {
    if (isLooking || findMaster(pidFile) !== undefined) return;
    isLooking = true;
    void removeIfStale(socket).finally(() => {
      isLooking = false;
    });
  }, lookMs);
  timer.unref();
  return () => clearInterval(timer);
}

// Between its bind and its listen a starting nginx refuses connections too: what refuses twice is stale.
async function removeIfStale(socket: string): Promise<void> {
  const before = inode(socket);
  if (before === undefined || !(await isRefused(socket))) return;
  await delay(confirmMs, undefined, { ref: false });
  if (inode(socket) === before && (await isRefused(socket))) dropSocketFile(socket);
}

function inode(path: string): number | undefined {
  try {
    return lstatSync(path).ino;
  } catch {
    return undefined;
  }
}

/** Whether no process listens there: the kernel says so, at once and also where the one that did is frozen. */
export async function isAbandoned(path: string): Promise<boolean> {
  return inode(path) === undefined || (await isRefused(path));
}

async function isRefused(path: string): Promise<boolean> {
  return await new Promise((resolve) => {
    const connection = connect(path);
    connection.once('connect', () => {
      connection.destroy();
      resolve(false);
    });
    connection.once('error', (problem: NodeJS.ErrnoException) => resolve(problem.code === 'ECONNREFUSED'));
  });
}
