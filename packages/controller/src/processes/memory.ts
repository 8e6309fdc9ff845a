import { readFileSync } from 'node:fs';

/** Bytes of memory that a process has resident, shared pages too; `undefined` where it is gone. */
export function readMemory(pid: number): number | undefined {
  try {
    const [, kibibytes] = /^VmRSS:\s*(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1')) ?? [];
    return kibibytes === undefined ? undefined : Number(kibibytes) * 1024;
  } catch {
    return undefined;
  }
}
