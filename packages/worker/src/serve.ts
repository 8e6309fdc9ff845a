import type { RequestListener, Server } from 'node:http';
import type { AddressInfo, ListenOptions } from 'node:net';
import { type Application, prepareServer } from './application.ts';
import { Lifecycle } from './lifecycle.ts';
import { type AttachOptions, readSettings, type ServeOptions } from './options.ts';
import type { DrainReport } from './shared-state.ts';
import { installSignalHandlers } from './signals.ts';
import { WorkerError } from './worker-error.ts';

/** A served application. */
export interface RunningServer {
  readonly server: Server;
  /** Drains as SIGTERM does; resolves when the shutdown hooks have run (with `exit`, the process ends then). */
  drain(): Promise<DrainReport>;
}

/**
 * Counts, probes and drains an http.Server that someone else made. Call it before the server has connections;
 * ready from the moment it listens. Throws `usage` for a bad option or a server that has connections.
 */
export function attach(server: Server, options: AttachOptions = {}): RunningServer {
  const lifecycle = attachLifecycle(server, options, []);
  if (server.listening) lifecycle.ready();
  else server.once('listening', () => lifecycle.ready());
  return running(server, lifecycle);
}

/** Serves an application; resolves when it listens. Throws `usage`, `entryUnusable`, `addressInUse`, `startFailed`. */
export function serve(listener: RequestListener, options?: ServeOptions): Promise<RunningServer>;
export function serve(application: Application, options?: ServeOptions): Promise<RunningServer>;
export async function serve(application: Application, options: ServeOptions = {}): Promise<RunningServer> {
  const { server, close } = await prepareServer(application, undefined, options);
  const lifecycle = attachLifecycle(server, options, close === undefined ? [] : [close]);
  try {
    await listen(server, options);
  } catch (thrown) {
    lifecycle.discard();
    throw thrown;
  }
  lifecycle.ready();
  return running(server, lifecycle);
}

function running(server: Server, lifecycle: Lifecycle): RunningServer {
  return {
    server,
    drain: () => {
      lifecycle.terminate();
      return lifecycle.ended;
    },
  };
}

function attachLifecycle(
  server: Server,
  options: AttachOptions,
  closers: readonly (() => unknown)[],
): Lifecycle {
  const settings = readSettings(options);
  const open = (server as { _connections?: number })._connections ?? 0;
  if (open > 0) {
    const wanted = 'a server without connections was wanted';
    throw new WorkerError('usage', `Cannot attach to the server: ${wanted}: current value is ${open} open`);
  }
  const { onShutdown } = options;
  // The application's own hook first: what it closes may still need the framework.
  const shutdownHooks = onShutdown === undefined ? closers : [onShutdown, ...closers];
  const lifecycle = new Lifecycle(server, settings, { shutdownHooks });
  if (settings.handleSignals) installSignalHandlers();
  return lifecycle;
}

function listenOptions({ fd, path, host, port, backlog }: ServeOptions): ListenOptions & { fd?: number } {
  const queue = { backlog: backlog ?? 511 };
  if (fd !== undefined) return { fd, ...queue };
  if (path !== undefined) return { path, ...queue };
  return { port: port ?? 0, ...(host === undefined ? {} : { host }), ...queue };
}

/** Resolves when the server listens. Throws `addressInUse` or `startFailed`. */
export function listen(server: Server, options: ServeOptions): Promise<AddressInfo | string | null> {
  return new Promise((resolve, reject) => {
    const { fd, path, host = '*', port = 0 } = options;
    const place = fd !== undefined ? `fd ${fd}` : (path ?? `${host}:${port}`);
    const onError = (error: NodeJS.ErrnoException): void => {
      const code = error.code === 'EADDRINUSE' ? 'addressInUse' : 'startFailed';
      const wanted = 'a free address was wanted';
      const got = error.code ?? error.message;
      reject(new WorkerError(code, `Cannot listen on "${place}": ${wanted}: current value is ${got}`, error));
    };
    server.once('error', onError);
    server.listen(listenOptions(options), () => {
      server.removeListener('error', onError);
      resolve(server.address());
    });
  });
}
