import { rename, unlink } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { getRequestListener } from '@hono/node-server';
import { LameduckError } from '@lameduck/core';
import type { Logger } from 'pino';
import { controlRoutes } from './control-routes.ts';
import type { Master } from './master.ts';
import { inodeOf, probeSocketFile, unlinkIfSame, withFileMode } from './socket-file.ts';

/** Answers that are under way at the end (a failed reload) get this long to be read. */
const closeMs = 500;
/** `sun_path` of Linux, without the final zero; the temporary name must fit too. */
const maxPathBytes = 107;

export interface ControlSocket {
  /** Ends the API; with `leavesFile` the socket file is left to another master that is to take the path. */
  close(leavesFile: boolean): Promise<void>;
}

/**
 * Serves the control API on a unix socket of mode 0600. The socket appears under its name whole; a stale one is
 * replaced, and with `replaces` a live one too. Codes: `alreadyRunning` where a live one answers, `config` where the
 * path cannot be used.
 */
export async function openControlSocket(
  path: string,
  master: Master,
  logger: Logger,
  replaces = false,
): Promise<ControlSocket> {
  const found = await probeSocketFile(path).catch((error: NodeJS.ErrnoException) => {
    throw pathError(path, error.code ?? error.message, error);
  });
  if (found === 'live' && !replaces) throw alreadyRunning(path);
  if (found === 'otherFile') throw pathError(path, 'another kind of file');
  const temporary = `${path}.${process.pid}`;
  if (Buffer.byteLength(temporary) > maxPathBytes) throw pathError(path, 'too long for a unix socket');
  const server = createServer(getRequestListener(controlRoutes(master, logger).fetch));
  await listen(server, temporary, path);
  server.on('error', (error) => logger.error({ reason: error.message }, 'control socket failed'));
  const inode = await inodeOf(path);
  return {
    close: async (leavesFile) => {
      if (!leavesFile) await unlinkIfSame(path, inode);
      await close(server);
    },
  };
}

async function listen(server: Server, temporary: string, path: string): Promise<void> {
  try {
    // A name with our own pid can only be left over from a process that is gone.
    await unlink(temporary).catch(() => undefined);
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      withFileMode(0o600, () => server.listen({ path: temporary }));
      server.once('listening', () => {
        server.off('error', reject);
        resolve();
      });
    });
    await rename(temporary, path);
  } catch (error) {
    server.close();
    await unlink(temporary).catch(() => undefined);
    const { code, message } = error as NodeJS.ErrnoException;
    throw pathError(path, code ?? message, error);
  }
}

async function close(server: Server): Promise<void> {
  await new Promise<void>((resolve) => {
    const timer = setTimeout(() => server.closeAllConnections(), closeMs);
    server.close(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}

function alreadyRunning(path: string): LameduckError {
  return new LameduckError(
    'alreadyRunning',
    `Cannot create control socket "${path}": a path without a running master was wanted: current value is a live socket`,
    { controlPath: path },
  );
}

function pathError(path: string, got: string, cause?: unknown): LameduckError {
  return new LameduckError(
    'config',
    `Cannot create control socket "${path}": a writable path for a unix socket was wanted: current value is ${got}`,
    { controlPath: path },
    cause,
  );
}
