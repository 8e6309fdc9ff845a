import { readlinkSync } from 'node:fs';
import type { Address } from '@lameduck/core';
import { listProcesses, readArguments } from './identity.ts';
import { findListeners, holdsListener } from './listeners.ts';

/** A server as it was started, as far as /proc tells. */
export interface FoundServer {
  readonly pid: number;
  readonly command: readonly string[];
  readonly directory: string;
}

/**
 * The server that listens on the address now: of a master and its workers the master. `undefined` where there is none, where
 * it is not ours to see, or where it has put a title over its command line, as Gunicorn and nginx do.
 */
export async function findServer(address: Address): Promise<FoundServer | undefined> {
  const listeners = await findListeners(address);
  if (listeners.length === 0) return undefined;
  const holders = listProcesses().filter(({ pid }) => holdsListener(pid, listeners));
  const pids = new Set(holders.map(({ pid }) => pid));
  const top = holders.find(({ parentPid }) => !pids.has(parentPid));
  if (top === undefined) return undefined;
  const command = readArguments(top.pid);
  const isTitle = command.length === 0 || / /.test(command[0] ?? '');
  if (isTitle) return undefined;
  try {
    return { pid: top.pid, command, directory: readlinkSync(`/proc/${top.pid}/cwd`) };
  } catch {
    return undefined;
  }
}
