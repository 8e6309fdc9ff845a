import { readFileSync, statSync } from 'node:fs';
import { type Address, LameduckError } from '@lameduck/core';
import type { ProcessIdentity } from '../ports/node-runner.ts';
import { isLiving, isOurAncestor, readArguments, readProcess, startedAtMs } from './identity.ts';
import { findListeners, holdsListener } from './listeners.ts';
import { createProcessTree } from './tree.ts';

// Start times and file times come from clocks of different grain, and a boot time is known to the second.
const toleranceMs = 2_000;

/**
 * The pid in a file; `undefined` where there is no file or it is still empty. Throws `pidFile` where it cannot
 * be read or holds anything but the pid of another process.
 */
export function readPidFile(file: string, node: string): number | undefined {
  let text: string;
  try {
    text = readFileSync(file, 'utf8').trim();
  } catch (thrown) {
    const code = (thrown as NodeJS.ErrnoException).code;
    if (code === 'ENOENT') return undefined;
    throw unusable(file, node, `unreadable: ${code}`, thrown);
  }
  if (text === '') return undefined;
  // Some servers write more lines below the pid (PostgreSQL): the first one counts.
  const firstLine = text.split('\n')[0]?.trim() ?? '';
  const pid = Number(firstLine);
  if (!/^\d{1,10}$/.test(firstLine) || pid <= 1)
    throw unusable(file, node, JSON.stringify(text.slice(0, 80)));
  return pid;
}

/**
 * The living process that a pid file names; `undefined` where the file is missing or stale. A pid that was given
 * to another process since is told by its start, which is later than the file, unless the process serves the
 * node's address (clocks jump). Throws `pidFile`.
 */
export async function findByPidFile(
  file: string,
  node: string,
  address: Address,
): Promise<ProcessIdentity | undefined> {
  const pid = readPidFile(file, node);
  const found = pid === undefined ? undefined : readProcess(pid);
  // A kernel thread has no arguments; it is never a node.
  if (found === undefined || !isLiving(found) || readArguments(found.pid).length === 0) return undefined;
  const identity = { pid: found.pid, startTime: found.startTime };
  const isOlder =
    startedAtMs(identity) <= (statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0) + toleranceMs;
  if (!isOlder && !(await servesAddress(identity, address))) return undefined;
  if (isOurAncestor(found.pid)) throw unusable(file, node, `${found.pid}, which lameduck itself runs under`);
  return identity;
}

async function servesAddress(identity: ProcessIdentity, address: Address): Promise<boolean> {
  const listeners = await findListeners(address);
  if (listeners.length === 0) return false;
  return createProcessTree([identity])
    .look()
    .some(({ pid }) => holdsListener(pid, listeners));
}

function unusable(file: string, node: string, got: string, cause?: unknown): LameduckError {
  const message = `Cannot find node "${node}": pid file ${file} must name its main process: current value is ${got}`;
  return new LameduckError('pidFile', message, { node, file, content: got }, cause);
}
