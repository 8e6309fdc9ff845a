import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';

/** Status of a WebSocket close frame: going away (stop), or service restart (siblings go on; RFC 6455, IANA registry). */
export type CloseCode = 1001 | 1012;

/** What the `ws` library keeps of one connection, under a symbol of its own on the socket. */
interface LibrarySocket {
  readonly readyState: number;
  close(code: number, reason: string): void;
}

const open = 1;

/** Does the request ask for a WebSocket? */
export function asksForWebSocket(request: IncomingMessage): boolean {
  return request.headers.upgrade?.toLowerCase() === 'websocket' && 'sec-websocket-key' in request.headers;
}

/**
 * `ws` queues (compressed messages are written later), so that a close frame of ours could overtake a message:
 * where it is found, it is asked to close.
 */
function findLibrarySocket(socket: Socket): LibrarySocket | undefined {
  for (const symbol of Object.getOwnPropertySymbols(socket)) {
    if (symbol.description !== 'websocket') continue;
    const value = (socket as unknown as Record<symbol, unknown>)[symbol] as LibrarySocket | undefined;
    if (typeof value?.close === 'function' && typeof value.readyState === 'number') return value;
  }
  return undefined;
}

/** A close frame of a server: final, opcode 8, not masked, two bytes of status. */
function closeFrame(code: CloseCode): Buffer {
  const frame = Buffer.from([0x88, 0x02, 0, 0]);
  frame.writeUInt16BE(code, 2);
  return frame;
}

/**
 * Tells the peer of a WebSocket to leave, behind everything that was written to it before. False where that is not
 * possible: the handshake has not been answered. A socket that the application is closing already is left to it.
 */
export function closeWebSocket(socket: Socket, code: CloseCode): boolean {
  if (socket.destroyed || socket.writableEnded) return true;
  const library = findLibrarySocket(socket);
  if (library !== undefined) {
    if (library.readyState === open) library.close(code, '');
    return true;
  }
  // 101 is the first that is written on the connection, or follows answers that were flushed before.
  if (socket.bytesWritten === 0) return false;
  // What the application still writes comes too late, and is no reason for a crash.
  socket.on('error', () => undefined);
  // Half-closed: the answer of the peer is still read, by whoever reads the socket.
  socket.end(closeFrame(code));
  return true;
}
