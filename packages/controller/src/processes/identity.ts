import { readdirSync, readFileSync } from 'node:fs';
import type { ProcessIdentity } from '../ports/node-runner.ts';

/** What /proc/PID/stat tells of one process (proc(5)). */
export interface ProcessStat extends ProcessIdentity {
  readonly parentPid: number;
  readonly processGroup: number;
  readonly session: number;
  /** One letter: `R`, `S`, `D`, `T`, `Z` … */
  readonly state: string;
}

/** The fields of a /proc/PID/stat line; `undefined` where the text is none. */
export function parseStat(text: string): ProcessStat | undefined {
  // The second field is the name in parentheses and may itself hold spaces and parentheses: only the last one ends it.
  const nameEnd = text.lastIndexOf(')');
  const pid = Number.parseInt(text, 10);
  const [state = '', parentPid, processGroup, session, ...rest] = text
    .slice(nameEnd + 1)
    .trim()
    .split(' ');
  const startTime = Number(rest[15]);
  if (nameEnd < 0 || !Number.isSafeInteger(pid) || !Number.isSafeInteger(startTime)) return undefined;
  return {
    pid,
    startTime,
    parentPid: Number(parentPid),
    processGroup: Number(processGroup),
    session: Number(session),
    state,
  };
}

/** The process that has this pid now, also when it is a zombie; `undefined` where there is none. */
export function readProcess(pid: number): ProcessStat | undefined {
  try {
    return parseStat(readFileSync(`/proc/${pid}/stat`, 'latin1'));
  } catch {
    return undefined;
  }
}

/** Every process of the machine, zombies too. */
export function listProcesses(): ProcessStat[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => readProcess(Number(name)))
    .filter((found) => found !== undefined);
}

/** A zombie has ended: only its parent has not looked yet. */
export function isLiving(found: ProcessStat): boolean {
  return found.state !== 'Z' && found.state !== 'X' && found.state !== 'x';
}

/** Whether both name the same process, not only the same pid. */
export function isSame(one: ProcessIdentity, other: ProcessIdentity): boolean {
  return one.pid === other.pid && one.startTime === other.startTime;
}

/** The living process of this identity; `undefined` where it has ended or its pid belongs to another one now. */
export function findLiving(identity: ProcessIdentity): ProcessStat | undefined {
  const found = readProcess(identity.pid);
  return found !== undefined && isSame(found, identity) && isLiving(found) ? found : undefined;
}

/** A text that tells processes apart; for maps and sets. */
export function identityKey(identity: ProcessIdentity): string {
  return `${identity.pid}@${identity.startTime}`;
}

/** Start times count from the boot, so that they are compared within one boot only. */
export function readBootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
}

/** The arguments of a process; none for a kernel thread, a zombie or a process that is gone. */
export function readArguments(pid: number): readonly string[] {
  try {
    const text = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
    return text.split('\0').filter((argument) => argument !== '');
  } catch {
    return [];
  }
}

/**
 * The user who started a process; `undefined` where it is gone. Not the owner of /proc/PID, which is root for a process
 * that made itself undumpable, nor the effective user, which a setuid program chooses.
 */
export function ownerOf(pid: number): number | undefined {
  try {
    const [, owner] = /^Uid:\s*(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1')) ?? [];
    return owner === undefined ? undefined : Number(owner);
  } catch {
    return undefined;
  }
}

/** The short name of a process (at most 15 characters). */
export function readName(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
  } catch {
    return '';
  }
}

/** Whether the process is this one or one that it descends from: ending it would end us. */
export function isOurAncestor(pid: number): boolean {
  for (let at = process.pid; at > 1; at = readProcess(at)?.parentPid ?? 0) {
    if (at === pid) return true;
  }
  return false;
}

// USER_HZ, the unit of /proc/PID/stat, is 100 on every architecture that Node runs on.
const ticksPerSecond = 100;

/** When the process started, in milliseconds after 1970, as the wall clock of now sees it. */
export function startedAtMs(identity: ProcessIdentity): number {
  const bootSeconds = Number(/^btime (\d+)$/m.exec(readFileSync('/proc/stat', 'latin1'))?.[1] ?? Number.NaN);
  return (bootSeconds + identity.startTime / ticksPerSecond) * 1000;
}
