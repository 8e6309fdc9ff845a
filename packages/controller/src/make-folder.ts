import { existsSync, mkdirSync, mkdtempSync, rmdirSync, statSync } from 'node:fs';
import { userInfo } from 'node:os';
import { dirname, join } from 'node:path';
import { LameduckError } from '@lameduck/core';

/** What the file system says of a place where no folder can be, however often one tries. */
const lasting = ['ENOENT', 'ENOTDIR', 'EEXIST', 'ELOOP', 'ENAMETOOLONG', 'EACCES', 'EPERM', 'EROFS'];

/**
 * Makes a folder with the folders above it; gives the topmost one that was not there, or `undefined`. Throws `config`
 * where there can be none; Node's own recursive mkdir never ends where a folder that is there answers ENOENT, as /proc does.
 */
export function makeFolder(folder: string, mode = 0o777): string | undefined {
  try {
    mkdirSync(folder, { mode });
    return folder;
  } catch (thrown) {
    const { code = '' } = thrown as NodeJS.ErrnoException;
    if (code === 'EEXIST' && isFolder(folder)) return undefined;
    if (code !== 'ENOENT' || existsSync(dirname(folder))) throw explained(folder, thrown);
  }
  const topmost = makeFolder(dirname(folder), mode);
  return makeFolder(folder, mode) === undefined ? topmost : (topmost ?? folder);
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

function explained(folder: string, thrown: unknown): unknown {
  const { code = '' } = thrown as NodeJS.ErrnoException;
  if (!lasting.includes(code)) return thrown;
  const got = code === 'EEXIST' ? 'something else of that name' : code;
  const message = `Cannot make folder "${folder}": a place is wanted where ${ourName()} may make one: current value is ${got}`;
  return new LameduckError('config', message, { folder }, thrown);
}

/** As whom we act, for messages. */
export function ourName(): string {
  const id = process.geteuid?.() ?? -1;
  try {
    return `${userInfo().username} (uid ${id})`;
  } catch {
    // a uid without an entry in the table of users
    return `uid ${id}`;
  }
}

/** Throws what `makeFolder` would throw, or writing into the folder that is there; nothing stays. */
export function tryFolder(folder: string): void {
  let nearest = folder;
  while (!existsSync(nearest)) nearest = dirname(nearest);
  try {
    rmdirSync(mkdtempSync(join(nearest, '.lameduck-')));
  } catch (thrown) {
    throw explained(folder, thrown);
  }
}

/** Takes back what `makeFolder` made for `folder`, as far as it is empty still. */
export function removeFolders(topmost: string, folder: string): void {
  for (let at = folder; at.startsWith(topmost); at = dirname(at)) {
    try {
      rmdirSync(at);
    } catch {
      return;
    }
  }
}
