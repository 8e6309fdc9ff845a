import type { Server, ServerResponse } from 'node:http';
import type { ConnectionTable } from './connection-table.ts';

const longestLookMs = 1000;

/**
 * Closes connections on which nothing has come for `ms` since the last answer, in place of Node, which sets a timer with
 * each answer and takes it back with each request: 2.5 % of all that it executes for one. Here all connections are looked
 * at once a second, so that they stay open one or two seconds longer than announced (Node's one second longer); 0 for
 * ever. Without Node's timers nobody takes back what `request.setTimeout` has set on the socket: the table does. Who sets
 * `server.keepAliveTimeout` later has Node's timers. Returns what ends it.
 */
export function startKeepAlive(server: Server, ms: number, table: ConnectionTable): () => void {
  server.keepAliveTimeout = 0;
  if (ms === 0) return () => undefined;
  const lookMs = Math.min(longestLookMs, ms);
  // behind the reads of this turn: a connection with a request in it is not quiet
  const look = (): void => {
    if (server.keepAliveTimeout === 0) setImmediate(() => table.closeQuiet(ms + lookMs));
  };
  const timer = setInterval(look, lookMs).unref();
  return () => clearInterval(timer);
}

/** Lets the answer say how long its connection is kept, as Node does for its own timers. */
export function announceKeepAlive(response: ServerResponse, ms: number): void {
  const told = response as { _keepAliveTimeout?: number };
  if (told._keepAliveTimeout === 0) told._keepAliveTimeout = ms;
}
