import { existsSync, readFileSync } from 'node:fs';
import type { ProcessIdentity } from '../../ports/node-runner.ts';
import {
  isLiving,
  listProcesses,
  type ProcessStat,
  readArguments,
  readProcess,
} from '../../processes/identity.ts';

/** The nginx master that the pid file names; `undefined` where none runs. Another program's pid is not believed. */
export function findMaster(pidFile: string): ProcessIdentity | undefined {
  const pid = readPid(pidFile);
  const found = pid === undefined ? undefined : readProcess(pid);
  if (found === undefined || !isLiving(found)) return undefined;
  const [title = ''] = readArguments(found.pid);
  return title.startsWith('nginx: master process')
    ? { pid: found.pid, startTime: found.startTime }
    : undefined;
}

/** Whether a binary upgrade (USR2) is under way: then a HUP would start workers of the old configuration. */
function isUpgrading(pidFile: string): boolean {
  const pid = readPid(`${pidFile}.oldbin`);
  return pid !== undefined && existsSync(`/proc/${pid}`);
}

/** That a binary upgrade is under way, as an operator should read it; `undefined` while there is none. */
export function describeUpgrade(pidFile: string): string | undefined {
  return isUpgrading(pidFile) ? `a binary upgrade is under way (${pidFile}.oldbin)` : undefined;
}

/** The living workers of a master, those of configurations before included. */
export function listWorkers(master: ProcessIdentity): ProcessIdentity[] {
  return children(master.pid)
    .filter((child) => isLiving(child) && !/^nginx: cache /.test(readArguments(child.pid)[0] ?? ''))
    .map(({ pid, startTime }) => ({ pid, startTime }));
}

/** Whether the worker says of itself that it only finishes what it has. */
export function isShuttingDown(worker: ProcessIdentity): boolean {
  return (readArguments(worker.pid)[0] ?? '').includes('is shutting down');
}

const hangup = 1n; // SIGHUP is signal 1: the lowest bit of the masks in /proc/PID/status

/**
 * Whether the master waits for signals. It blocks SIGHUP except inside sigsuspend(2), so that the mask tells: while
 * it loads a configuration, which may take seconds of retried binds, the signal is blocked.
 */
export function isIdle(master: ProcessIdentity): boolean {
  try {
    const status = readFileSync(`/proc/${master.pid}/status`, 'latin1');
    const masks = [...status.matchAll(/^(?:SigBlk|SigPnd|ShdPnd):\s*([0-9a-f]+)$/gm)];
    return masks.every(([, mask]) => (BigInt(`0x${mask}`) & hangup) === 0n);
  } catch {
    return true; // gone
  }
}

function readPid(file: string): number | undefined {
  try {
    const pid = Number(readFileSync(file, 'latin1').trim());
    return Number.isSafeInteger(pid) && pid > 1 ? pid : undefined;
  } catch {
    return undefined;
  }
}

function children(pid: number): ProcessStat[] {
  try {
    const pids = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').trim().split(' ');
    return pids.flatMap((child) => readProcess(Number(child)) ?? []);
  } catch {
    // Kernels without CONFIG_PROC_CHILDREN; slower.
    return listProcesses().filter((candidate) => candidate.parentPid === pid);
  }
}
