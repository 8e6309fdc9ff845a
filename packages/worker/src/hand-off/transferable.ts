import type { Server, ServerResponse } from 'node:http';
import { Socket } from 'node:net';

/**
 * Node's own object for an open connection (`socket._handle`). The hand-off relies on these internals, which are the
 * same in Node 20 to 26; whatever looks different is not handed over.
 */
export interface ConnectionHandle {
  readonly reading?: unknown;
  readonly bytesRead?: unknown;
  readonly writeQueueSize?: unknown;
  readStart(): number;
  readStop(): number;
  close(): void;
}

interface HttpParser {
  readonly _consumed?: unknown;
}

/** Of an http.Server: those of its parsers that have begun a message and not ended it. */
interface ConnectionsList {
  active?(): readonly HttpParser[];
}

type InnerSocket = Socket & {
  readonly server?: object;
  readonly _handle?: ConnectionHandle | null;
  readonly parser?: HttpParser | null;
  readonly _httpMessage?: ServerResponse | null;
};

/** Adopted sockets: until their first request they have no parser. */
const adopted = new WeakSet<Socket>();

const kinds: ReadonlySet<string> = new Set(['TCP', 'Pipe']);

/** The handle of a socket, where it is one that can be sent to another process; never that of TLS. */
export function handleOf(socket: Socket): ConnectionHandle | undefined {
  const handle = (socket as InnerSocket)._handle;
  if (handle === null || handle === undefined || process.platform === 'win32') return undefined;
  const isKnown =
    kinds.has(handle.constructor.name) &&
    typeof handle.readStart === 'function' &&
    typeof handle.readStop === 'function' &&
    typeof handle.bytesRead === 'number';
  return isKnown ? handle : undefined;
}

/** Can this connection move at all, at some moment between two requests? False on any doubt about Node's internals. */
export function isTransferable(socket: Socket): boolean {
  if (handleOf(socket) === undefined) return false;
  const { parser } = socket as InnerSocket;
  if (parser === undefined) return adopted.has(socket);
  return parser?._consumed === true && typeof listOf(socket)?.active === 'function';
}

/**
 * Is every byte that was read part of a request that has been answered? What the system still holds moves along with
 * the connection; what the parser has read cannot. A header begun in the packet of the last request shows only here.
 */
export function isBetweenRequests(socket: Socket): boolean {
  const { _handle: handle, parser, _httpMessage: response } = socket as InnerSocket;
  if (socket.destroyed || socket.writableEnded || socket.readableEnded) return false;
  if (handle?.reading !== true || socket.readableLength > 0 || socket.writableLength > 0) return false;
  if (typeof handle.writeQueueSize === 'number' && handle.writeQueueSize > 0) return false;
  if (response !== null && response !== undefined) return false;
  // New connections owe their first request from the start.
  if (socket.bytesRead === 0) return true;
  const active = listOf(socket)?.active?.();
  return parser !== null && parser !== undefined && active?.includes(parser) === false;
}

const lists = new WeakMap<object, ConnectionsList>();

function listOf({ server }: InnerSocket): ConnectionsList | undefined {
  if (server === undefined || server === null) return undefined;
  const known = lists.get(server);
  if (known !== undefined) return known;
  const key = Object.getOwnPropertySymbols(server).find(
    (one) => one.description === 'http.server.connections',
  );
  const list = key === undefined ? undefined : (server as Record<symbol, ConnectionsList | undefined>)[key];
  if (list !== undefined) lists.set(server, list);
  return list;
}

/** A socket on a handle that came from another process, as Node makes one of a connection it has accepted. */
export function socketOn(handle: ConnectionHandle, server: Server): Socket {
  const socket = new Socket({ handle, allowHalfOpen: true, manualStart: true } as object);
  adopted.add(socket);
  const counted = server as { _connections?: unknown };
  if (typeof counted._connections === 'number') {
    // For getConnections() and the server's `close` event.
    counted._connections += 1;
    (socket as { _server?: Server })._server = server;
  }
  return socket;
}
