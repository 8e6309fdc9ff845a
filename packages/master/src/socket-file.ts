import { stat, unlink } from 'node:fs/promises';
import { createConnection } from 'node:net';

/** What a path holds: only a `stale` socket (nobody answers on it) may be replaced. */
export type SocketFile = 'absent' | 'stale' | 'live' | 'otherFile';

const probeMs = 1000;

/** Looks at a unix socket by connecting to it; what cannot be decided counts as live. */
export async function probeSocketFile(path: string): Promise<SocketFile> {
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => error);
  if (found instanceof Error) {
    if (found.code === 'ENOENT') return 'absent';
    throw found;
  }
  if (!found.isSocket()) return 'otherFile';
  return (await refusesConnections(path)) ? 'stale' : 'live';
}

function refusesConnections(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ path });
    const decide = (refuses: boolean): void => {
      socket.destroy();
      resolve(refuses);
    };
    socket.setTimeout(probeMs, () => decide(false));
    socket.once('connect', () => decide(false));
    socket.once('error', (error: NodeJS.ErrnoException) => decide(error.code === 'ECONNREFUSED'));
  });
}

/** Identity of a file, to tell our own from one that has replaced it since. */
export async function inodeOf(path: string): Promise<string | undefined> {
  const found = await stat(path, { bigint: true }).catch(() => undefined);
  return found === undefined ? undefined : `${found.dev}:${found.ino}`;
}

/** Removes a file only if it is still the one with that identity. */
export async function unlinkIfSame(path: string, inode: string | undefined): Promise<void> {
  if (inode !== undefined && (await inodeOf(path)) === inode) await unlink(path).catch(() => undefined);
}

/** Runs a synchronous bind so that the socket file never exists with wider permissions than `mode`. */
export function withFileMode<Result>(mode: number, bind: () => Result): Result {
  const before = process.umask(0o777 & ~mode);
  try {
    return bind();
  } finally {
    process.umask(before);
  }
}
