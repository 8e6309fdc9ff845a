import { createHash } from 'node:crypto';
import { lstatSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LameduckError } from '@lameduck/core';
import { makeFolder } from './make-folder.ts';

/** Room of sockaddr_un.sun_path on Linux without the closing zero byte (unix(7)). */
const mostPathBytes = 107;

/**
 * Where a unix socket of that name belongs: in `folder` or, where that path is too long for a socket, in a
 * private folder of the system's temporary directory. Always the same answer for the same folder.
 */
export function socketPath(folder: string, name: string): string {
  const path = join(folder, name);
  if (Buffer.byteLength(path) <= mostPathBytes) return path;
  const hash = createHash('sha256').update(folder).digest('hex').slice(0, 16);
  return join(tmpdir(), `lameduck-${process.getuid?.() ?? 0}-${hash}`, name);
}

/** Makes the folder of a socket, 0700. Throws `startFailed` where somebody else owns it: /tmp is everybody's. */
export function prepareSocketFolder(folder: string): void {
  makeFolder(folder, 0o700);
  const found = lstatSync(folder);
  if (found.isDirectory() && found.uid === process.getuid?.()) return;
  throw new LameduckError(
    'startFailed',
    `Cannot use the folder "${folder}" for a socket: a directory of our own user is wanted: current owner is uid ${found.uid}`,
    { folder },
  );
}
