import { closeSync, constants, fstatSync, openSync, readlinkSync, realpathSync, statSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { LameduckError } from '@lameduck/core';

const modes: Readonly<Record<'append' | 'read', number>> = {
  append: constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT,
  read: constants.O_RDONLY,
};

/**
 * Opens the log of a node; gives the file descriptor. Where we are root and others may change a folder on the way, as the node's user
 * in a folder of his own, the name must lead to a plain file without any symbolic link below that folder: else he would
 * have us write to, or tell, what only root may. Throws `forbidden`, and what opening throws.
 */
export function openLog(file: string, access: 'append' | 'read'): number {
  const place = process.geteuid?.() === 0 ? placeOfOthers(file) : undefined;
  if (place === undefined) return openSync(file, modes[access], 0o600);
  const fd = openStrictly(file, access);
  // links in folders on the way: what is open is compared, so that nothing can be changed in between
  const opened = readlinkSync(`/proc/self/fd/${fd}`);
  if (fstatSync(fd).isFile() && opened === place) return fd;
  closeSync(fd);
  throw refused(file, opened);
}

/** Never through a link, and without waiting for who reads a pipe. */
function openStrictly(file: string, access: 'append' | 'read'): number {
  try {
    return openSync(file, modes[access] | constants.O_NOFOLLOW | constants.O_NONBLOCK, 0o600);
  } catch (thrown) {
    const { code } = thrown as NodeJS.ErrnoException;
    if (code === 'ELOOP') throw refused(file, 'a symbolic link');
    throw code === 'ENXIO' ? refused(file, 'a pipe') : thrown;
  }
}

/** Where the file must be, below the first folder that others than root may change; `undefined` where there is none. */
function placeOfOthers(file: string): string | undefined {
  const folders: string[] = [];
  for (let folder = dirname(file); !folders.includes(folder); folder = dirname(folder)) folders.push(folder);
  const first = folders.reverse().find(isOpenToOthers);
  return first === undefined ? undefined : join(realpathSync(first), relative(first, file));
}

function isOpenToOthers(folder: string): boolean {
  const found = statSync(folder, { throwIfNoEntry: false });
  return found !== undefined && (found.uid !== 0 || (found.mode & 0o022) !== 0);
}

function refused(file: string, got: string): LameduckError {
  const message = `Cannot open log "${file}": a plain file without symbolic links is wanted, since others than root may change its folder: current value is ${got}`;
  return new LameduckError('forbidden', message, { file });
}
