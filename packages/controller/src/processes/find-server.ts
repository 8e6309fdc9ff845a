import { readlinkSync } from 'node:fs';
import type { Address } from '@lameduck/core';
import { listProcesses, ownerOf, type ProcessStat, readArguments } from './identity.ts';
import { findListeners, holdsListener } from './listeners.ts';

/** A server as it was started, as far as /proc tells. */
export interface FoundServer {
  readonly pid: number;
  readonly command: readonly string[];
  readonly directory: string;
}

/** A server of another user: its command line is whatever that user likes. */
export interface ForeignServer {
  readonly pid: number;
  readonly owner: number | undefined;
}

/**
 * The server that listens on the address now: of a master and its workers the master. `undefined` where there is none, where
 * it is not ours to see, or where it has put a title over its command line, as Gunicorn and nginx do.
 */
export async function findServer(address: Address): Promise<FoundServer | ForeignServer | undefined> {
  const listeners = await findListeners(address);
  if (listeners.length === 0) return undefined;
  const holders = listProcesses().filter(({ pid }) => holdsListener(pid, listeners));
  const top = topOf(holders.filter(({ pid }) => isTrusted(pid)));
  if (top === undefined) {
    const foreign = topOf(holders);
    return foreign === undefined ? undefined : { pid: foreign.pid, owner: ownerOf(foreign.pid) };
  }
  const command = readArguments(top.pid);
  const isTitle = command.length === 0 || / /.test(command[0] ?? '');
  if (isTitle) return undefined;
  try {
    return { pid: top.pid, command, directory: readlinkSync(`/proc/${top.pid}/cwd`) };
  } catch {
    return undefined;
  }
}

/**
 * Whether what a process says of itself may decide what we run: anybody can write a command line, and we may be root. Only
 * root's processes and our own are believed.
 */
export function isTrusted(pid: number): boolean {
  const owner = ownerOf(pid);
  return owner !== undefined && (owner === 0 || owner === process.geteuid?.());
}

function topOf(holders: readonly ProcessStat[]): ProcessStat | undefined {
  const pids = new Set(holders.map(({ pid }) => pid));
  return holders.find(({ parentPid }) => !pids.has(parentPid));
}
