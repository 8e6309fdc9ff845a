import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import type { MasterStatus } from '@lameduck/core';
import { askMaster } from './ask-master.ts';

/** How a master ended: its exit code, where it has said that. */
export interface MasterEnd {
  readonly pid: number;
  readonly code?: number;
}

/** From its last word to the end of the process: hooks of the settings file, and the supervisor that is told. */
const lastMs = 15_000;
/** For a master that tells nothing but that it has begun: longer than any grace period that makes sense. */
const untoldMs = 600_000;
const pollMs = 20;

/** Stops it gracefully; resolves when its process is gone, so that address and files are free. */
export async function stopMaster(socketPath: string): Promise<MasterEnd> {
  const answer = await askMaster(socketPath, 'POST', '/stop?wait=true', {});
  const { pid, code } = answer as Pick<MasterStatus, 'pid'> & { readonly code?: number };
  const deadline = performance.now() + (code === undefined ? untoldMs : lastMs);
  // It is nobody's child here, so there is no event to wait for.
  while (isThere(pid) && performance.now() < deadline) await pause(pollMs);
  return code === undefined ? { pid } : { pid, code };
}

/** A zombie has ended, whoever has not looked yet. */
function isThere(pid: number): boolean {
  try {
    const line = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return line.slice(line.lastIndexOf(')') + 2, line.lastIndexOf(')') + 3) !== 'Z';
  } catch {
    return hasPid(pid) && process.platform !== 'linux';
  }
}

function hasPid(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
