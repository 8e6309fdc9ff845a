import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { ConnectionTable } from './connection-table.ts';
import type { ConnectionView } from './connection-verdict.ts';
import type { Http2Connection } from './http2-connection.ts';

/** One accepted connection, as the drain needs to know it. */
export interface Connection {
  readonly socket: Socket;
  readonly table: ConnectionTable;
  /** Where its table keeps it; -1 when it is over. */
  place: number;
  /** Responses not yet flushed, oldest first: more than one only with pipelining. */
  readonly pending: ServerResponse[];
  /** A request that was answered before its body had arrived. */
  unread: IncomingMessage | undefined;
  /** Bytes read when the last request was over: more means that a new one has begun. */
  settledBytes: number;
  /** `METHOD /path` of the request that upgraded the connection. */
  session: string | undefined;
  isWebSocket: boolean;
  /** Its peer has been told to leave. */
  isTold: boolean;
  http2: Http2Connection | undefined;
  /** Bytes read at the last look while serving, and the moment of the look that first saw as many. */
  seenBytes: number;
  quietSince: number;
  /** Kept only while draining: a moment of `performance.now()`, or undefined. */
  idleSince: number | undefined;
  headerSince: number | undefined;
}

/** Shared by all copies of the module, so that each finds the connection of any request. */
const key = Symbol.for('lameduck.connection');

/** The connection of a socket, if a served application accepted it. */
export function connectionOf(socket: Socket): Connection | undefined {
  return (socket as { [key]?: Connection })[key];
}

/** Makes the record of an accepted socket, with all fields from the start (one shape, fast access). */
export function createConnection(socket: Socket, table: ConnectionTable): Connection {
  const connection: Connection = {
    socket,
    table,
    place: -1,
    pending: [],
    unread: undefined,
    settledBytes: socket.bytesRead,
    session: undefined,
    isWebSocket: false,
    isTold: false,
    http2: undefined,
    seenBytes: -1,
    quietSince: 0,
    idleSince: undefined,
    headerSince: undefined,
  };
  (socket as { [key]?: Connection })[key] = connection;
  return connection;
}

/**
 * Looks at a connection during the drain, and starts its clocks: idle from the first look that finds nothing
 * owed in either direction, header from the first look that finds bytes of a new request.
 */
export function viewConnection(connection: Connection, now: number): ConnectionView {
  const { socket, unread } = connection;
  if (unread?.complete) {
    connection.unread = undefined;
    connection.settledBytes = socket.bytesRead;
  }
  const newBytes = socket.bytesRead - connection.settledBytes;
  const isQuiet = connection.pending.length === 0 && connection.unread === undefined;
  connection.idleSince = isQuiet && newBytes === 0 ? (connection.idleSince ?? now) : undefined;
  connection.headerSince = isQuiet && newBytes > 0 ? (connection.headerSince ?? now) : undefined;
  return {
    outstanding: connection.pending.length,
    isUpgraded: connection.session !== undefined || speaksHttp2(connection),
    isBodyArriving: connection.unread !== undefined,
    unflushedBytes: socket.writableLength,
    newBytes,
    idleForMs: now - (connection.idleSince ?? now),
    headerForMs: now - (connection.headerSince ?? now),
  };
}

/**
 * How long nothing has come on a connection that owes no answer, up to one look less than is true. Before its first
 * request Node's `headersTimeout` holds; sessions and HTTP/2 keep their connections.
 */
export function quietMs(connection: Connection, now: number): number {
  const { socket, pending, session, http2, settledBytes } = connection;
  const { bytesRead } = socket;
  const isBusy = pending.length > 0 || session !== undefined || http2 !== undefined || settledBytes === 0;
  if (isBusy || bytesRead !== connection.seenBytes) {
    connection.seenBytes = bytesRead;
    connection.quietSince = now;
  }
  return now - connection.quietSince;
}

/** Does the connection close by itself, after GOAWAY, when its streams are over? */
function speaksHttp2({ http2 }: Connection): boolean {
  return http2?.isGreeted === true && !http2.session.destroyed;
}

/** `METHOD /path` without the query, which may hold secrets. */
export function requestName(request: Pick<IncomingMessage, 'method' | 'url'>): string {
  const url = request.url ?? '/';
  const query = url.indexOf('?');
  return `${request.method ?? 'GET'} ${query < 0 ? url : url.slice(0, query)}`;
}
