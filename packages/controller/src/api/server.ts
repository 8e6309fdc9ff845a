import { once } from 'node:events';
import { chmodSync, rmSync } from 'node:fs';
import { createServer, type RequestListener, type Server, type ServerOptions } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { connect, type ListenOptions } from 'node:net';
import { getRequestListener, type HttpBindings } from '@hono/node-server';
import { LameduckError } from '@lameduck/core';
import type { Hono } from 'hono';
import type { ApiEnv, Door } from './caller.ts';
import type { TcpDoor } from './tcp-door.ts';

/** Most time a controller has to answer the question whether it is alive. */
const probeTimeoutMs = 1000;

/** What one client may take of the server: who is slower than this is not waited for. */
const limits: ServerOptions = {
  headersTimeout: 10_000,
  requestTimeout: 30_000,
  connectionsCheckingInterval: 1_000,
  keepAliveTimeout: 5_000,
  maxHeaderSize: 16 * 1024,
};
/** The same for who has not finished the TLS handshake: Node waits two minutes. */
const handshakeTimeout = 10_000;
/** Connections at once; one more is closed at once. */
const mostConnections = 512;

export interface ApiServer {
  close(): Promise<void>;
}

/** A listener on TCP, and under which port it can be reached. */
export interface TcpApiServer extends ApiServer {
  readonly port: number;
}

export interface TcpOptions {
  readonly host: string;
  readonly port: number;
  readonly door: TcpDoor;
  /** PEM, each. */
  readonly tls?: { readonly cert: Buffer; readonly key: Buffer };
  /** Instead of the limits above; tests do not wait so long. */
  readonly limits?: ServerOptions & { readonly handshakeTimeout?: number };
}

/**
 * Serves the API on a unix socket that only the owner may open (0600). A socket file that nobody answers on is
 * replaced. Errors: `alreadyRunning`.
 */
export async function serveApi(routes: Hono<ApiEnv>, socketPath: string): Promise<ApiServer> {
  await removeStale(socketPath);
  const server = createServer(limits, listenerOf(routes, { kind: 'unix' }));
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

/** Serves the API and the console on TCP, to whoever has a token. Errors: `addressInUse`, `config` for a bad certificate. */
export async function serveTcpApi(routes: Hono<ApiEnv>, options: TcpOptions): Promise<TcpApiServer> {
  const { host, port, door, tls } = options;
  const listener = listenerOf(routes, door);
  const settings = { ...limits, ...options.limits };
  const server =
    tls === undefined ? createServer(settings, listener) : createTls({ ...settings, ...tls }, listener);
  server.maxConnections = mostConnections;
  await listen(server, { host, port });
  const address = server.address();
  const bound = typeof address === 'object' && address !== null ? address.port : port;
  return { port: bound, close: () => closeServer(server) };
}

/** Whether the API could listen there, without staying. Throws as `serveTcpApi` does. */
export async function tryTcpApi(where: { readonly host: string; readonly port: number }): Promise<void> {
  const server = createServer();
  await listen(server, where);
  await closeServer(server);
}

function listenerOf(routes: Hono<ApiEnv>, door: Door): RequestListener {
  return getRequestListener((request, bindings) =>
    routes.fetch(request, { ...(bindings as HttpBindings), door }),
  );
}

function createTls(
  options: ServerOptions & NonNullable<TcpOptions['tls']>,
  listener: RequestListener,
): Server {
  try {
    return createTlsServer(
      { handshakeTimeout, ...options, minVersion: 'TLSv1.2' },
      listener,
    ) as unknown as Server;
  } catch (thrown) {
    const { message } = LameduckError.from(thrown);
    throw new LameduckError(
      'config',
      `Cannot use api.tls: a certificate and its key as PEM are wanted: ${message}`,
    );
  }
}

async function listen(server: Server, where: ListenOptions): Promise<void> {
  try {
    server.listen(where);
    await once(server, 'listening');
  } catch (thrown) {
    const { code } = thrown as NodeJS.ErrnoException;
    const message = `Cannot listen on "${where.host}:${where.port}" for the API: a free address of this host is wanted: ${code}`;
    throw new LameduckError(code === 'EADDRINUSE' ? 'addressInUse' : 'config', message, {}, thrown);
  }
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
