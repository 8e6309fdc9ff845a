import { randomBytes } from 'node:crypto';
import { existsSync, linkSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { LameduckError } from '@lameduck/core';

/**
 * What the managed edges of this service say to its nodes with requests that they send elsewhere if they are bounced.
 * Made once and kept in the state folder, so that nodes and edges that outlive a controller still agree. Throws `config`.
 */
export function promiseToken(stateFolder: string): string {
  const file = fileOf(stateFolder);
  if (!existsSync(file)) make(file);
  const token = readFileSync(file, 'utf8').trim();
  if (/^[0-9a-f]{32}$/.test(token)) return token;
  const message = `Cannot read "${file}": 32 hexadecimal digits must stand there (remove it to have it made anew, and restart the nodes): current value is ${token.length} other characters`;
  throw new LameduckError('config', message, { file });
}

/** Whether it has been made already. */
export function hasPromiseToken(stateFolder: string): boolean {
  return existsSync(fileOf(stateFolder));
}

function fileOf(stateFolder: string): string {
  return join(stateFolder, 'promise-token');
}

/** Whole from the first moment: another command may read it then. Whoever comes first has made it. */
function make(file: string): void {
  const draft = `${file}.${randomBytes(8).toString('hex')}`;
  try {
    writeFileSync(draft, `${randomBytes(16).toString('hex')}\n`, { flag: 'wx', mode: 0o600 });
    linkSync(draft, file);
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== 'EEXIST') throw thrown;
  } finally {
    rmSync(draft, { force: true });
  }
}
