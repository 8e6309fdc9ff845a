import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { LameduckError } from '@lameduck/core';

/** How a file is written. */
export interface WriteOptions {
  /** Replace one that is there. */
  readonly force: boolean;
  /** For its owner only, whatever the umask. */
  readonly isPrivate: boolean;
}

/** Writes a file that is not there yet, or, with `force`, replaces one as a whole. Throws `usage`, `config`. */
export function writeNewFile(path: string, text: string, { force, isPrivate }: WriteOptions): void {
  const options = { flag: 'wx', mode: isPrivate ? 0o600 : 0o666 };
  try {
    if (!force) {
      writeFileSync(path, text, options);
      return;
    }
    const temporary = `${path}.${process.pid}.tmp`;
    try {
      writeFileSync(temporary, text, options);
      renameSync(temporary, path);
    } finally {
      rmSync(temporary, { force: true });
    }
  } catch (thrown) {
    const { code } = thrown as NodeJS.ErrnoException;
    if (code === 'EEXIST') {
      const message = `Cannot write "${path}": a file that is not there is wanted, or --force: current value is there already`;
      throw new LameduckError('usage', message, { path }, thrown);
    }
    const message = `Cannot write "${path}": a folder that can be written is wanted: current value is ${code}`;
    throw new LameduckError('config', message, { path }, thrown);
  }
}
