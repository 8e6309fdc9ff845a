import { readFileSync, statSync } from 'node:fs';
import { basename } from 'node:path';

/** A process that holds a lock on a store. */
export interface LockHolder {
  readonly pid: number;
  /** Its command line, cut where it is long. */
  readonly command: string;
  readonly isController: boolean;
}

/** SQLite locks these bytes, whatever the file's size: https://sqlite.org/src/file/src/os.h */
const firstLockByte = 0x40000000;
const lastLockByte = firstLockByte + 511;
const mostLetters = 80;

/** Who holds the lock, where the kernel tells: Linux, and a process that can be seen from here. */
export function findLockHolder(path: string): LockHolder | undefined {
  try {
    const inode = statSync(path).ino;
    const pid = readFileSync('/proc/locks', 'utf8')
      .split('\n')
      .map(readLock)
      .find((lock) => lock?.inode === inode && lock.from >= firstLockByte && lock.from <= lastLockByte)?.pid;
    return pid === undefined ? undefined : describe(pid);
  } catch {
    return undefined;
  }
}

/** `1: POSIX  ADVISORY  WRITE 4321 08:01:131 1073741826 1073742335`; with `->` it waits for one and holds none. */
function readLock(line: string): { pid: number; inode: number; from: number } | undefined {
  const read = /^\d+: POSIX +ADVISORY +\w+ (\d+) \w+:\w+:(\d+) (\d+) /.exec(line);
  return read === null ? undefined : { pid: Number(read[1]), inode: Number(read[2]), from: Number(read[3]) };
}

function describe(pid: number): LockHolder {
  const args = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').slice(0, -1);
  const program = args.findIndex((arg) => ['lameduck', 'lameduck.cjs'].includes(basename(arg)));
  const isController = program >= 0 && args.slice(program).some((arg) => arg === 'up' || arg === 'daemon');
  return { pid, command: args.join(' ').replace(/\s+/g, ' ').slice(0, mostLetters), isController };
}
