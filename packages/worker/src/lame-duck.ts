import type { ServerResponse } from 'node:http';
import type { Connection } from './connection.ts';

/**
 * Lets the response carry `Connection: close` if, at the moment its header is written, that loses nothing: the
 * whole request has arrived (closing on an upload resets the connection and destroys the answer), and no other
 * request waits behind it on the connection. Node decides by `shouldKeepAlive` while it writes the header.
 */
export function markResponse(connection: Connection, response: ServerResponse): void {
  let wanted = response.shouldKeepAlive;
  Object.defineProperty(response, 'shouldKeepAlive', {
    configurable: true,
    enumerable: true,
    get: () => wanted && !(response.req.complete && connection.pending.at(-1) === response),
    set: (value: boolean) => {
      wanted = value;
    },
  });
}

/**
 * Has an answer been written that closes this connection? What arrives behind it can never be answered, so it
 * must not be run either: the client may then repeat it elsewhere. `_last` is Node's own mark for such an answer.
 */
export function isClosing(connection: Connection): boolean {
  // Ended: the answer is out, and the connection closes in this or the next turn of the loop.
  if (connection.socket.writableEnded) return true;
  return connection.pending.some((response) => (response as { _last?: boolean })._last === true);
}
