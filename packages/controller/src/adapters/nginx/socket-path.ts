import { createHash } from 'node:crypto';
import { accessSync, constants, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { LameduckError } from '@lameduck/core';
import { makeFolder } from '../../make-folder.ts';

// sun_path holds 108 bytes with the final zero; characters that a quoted `listen` takes without any doubt.
const plainPath = /^\/[A-Za-z0-9._@+/-]{1,98}$/;

/** Where the control socket of an edge is, and the folder to remove with it where it is not in `directory`. */
export interface SocketPlace {
  readonly path: string;
  readonly folder: string | undefined;
}

/**
 * A path short enough for a unix socket. An attached nginx of root has it in /run, which is empty after a power
 * cut: nginx does not start on a socket file that a crash left behind (the token guards it there).
 */
export function placeSocket(directory: string, isAttached: boolean): SocketPlace {
  const hash = createHash('sha256').update(directory).digest('hex').slice(0, 16);
  if (isAttached && process.getuid?.() === 0 && isWritable('/run')) {
    return { path: `/run/lameduck-${hash}.sock`, folder: undefined };
  }
  const path = join(directory, 'control.sock');
  if (plainPath.test(path)) return { path, folder: undefined };
  const folder = join(tmpdir(), `lameduck-${hash}`);
  makeFolder(folder, 0o700);
  refuseForeign(folder);
  return { path: join(folder, 'control.sock'), folder };
}

/** Where a managed nginx serves its own Control API: beside the control socket, and no longer than that path. */
export function placeControlApi(controlSocket: string): string {
  return join(dirname(controlSocket), 'api.sock');
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

// Anybody may have made a folder of this name before us.
function refuseForeign(folder: string): void {
  const found = statSync(folder);
  if (found.uid === process.getuid?.() && (found.mode & 0o077) === 0) return;
  const message = `Cannot use folder "${folder}": it must be ours alone (mode 0700): current value is uid ${found.uid}, mode ${(found.mode & 0o777).toString(8)}`;
  throw new LameduckError('config', message, { folder });
}
