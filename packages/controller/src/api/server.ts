import { once } from 'node:events';
import { chmodSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { connect } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import { LameduckError } from '@lameduck/core';
import type { Hono } from 'hono';

/** Most time a controller has to answer the question whether it is alive. */
const probeTimeoutMs = 1000;

export interface ApiServer {
  close(): Promise<void>;
}

/**
 * Serves the API on a unix socket that only the owner may open (0600). A socket file that nobody answers on is
 * replaced. Errors: `alreadyRunning`.
 */
export async function serveApi(routes: Hono, socketPath: string): Promise<ApiServer> {
  await removeStale(socketPath);
  const server = createServer(getRequestListener(routes.fetch));
  // the socket must never be open to others, not even between bind and chmod
  const umask = process.umask(0o177);
  try {
    server.listen(socketPath);
    await once(server, 'listening');
  } finally {
    process.umask(umask);
  }
  chmodSync(socketPath, 0o600);
  return { close: () => closeServer(server) };
}

async function removeStale(socketPath: string): Promise<void> {
  if (!(await isAnswering(socketPath))) return rmSync(socketPath, { force: true });
  throw new LameduckError(
    'alreadyRunning',
    `Cannot listen on "${socketPath}": another controller answers there`,
    {
      socketPath,
    },
  );
}

/** Whether a controller answers on this socket. */
export function isAnswering(socketPath: string): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connect(socketPath);
  socket.setTimeout(probeTimeoutMs);
  socket.once('connect', () => resolve(true));
  socket.once('error', () => resolve(false));
  socket.once('timeout', () => resolve(false));
  return promise.finally(() => socket.destroy());
}

async function closeServer(server: Server): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  server.closeAllConnections();
  await closed;
}
