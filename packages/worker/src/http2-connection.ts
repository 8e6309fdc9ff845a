import type { Http2Stream, ServerHttp2Session } from 'node:http2';
import type { Socket } from 'node:net';
import { isTlsSocket } from './secure.ts';

/** The HTTP/2 side of one connection. */
export interface Http2Connection {
  readonly session: ServerHttp2Session;
  /** Streams not yet closed, with `METHOD /path`. */
  readonly streams: Map<Http2Stream, string>;
  /**
   * The client has acknowledged our settings: it speaks HTTP/2, and may be told something. Not before: what we write
   * past Node could overtake the settings that Node has not sent yet, and the first frame must be those.
   */
  isGreeted: boolean;
  isLeaving: boolean;
}

/** Begins to follow a session. */
export function createHttp2Connection(session: ServerHttp2Session): Http2Connection {
  const connection = { session, streams: new Map(), isGreeted: false, isLeaving: false };
  session.once('localSettings', () => {
    connection.isGreeted = true;
  });
  return connection;
}

/** As `endEventStream`, for all streams of a session. */
export function endEventStreams({ streams }: Http2Connection): void {
  for (const stream of streams.keys()) {
    const type = String(stream.sentHeaders?.['content-type'] ?? '');
    if (!type.startsWith('text/event-stream') || stream.writableEnded) continue;
    stream.on('error', () => undefined);
    stream.end();
  }
}

/** RFC 9113 6.8: a server that means to leave first names the largest stream identifier, and no error. */
const leaveFrame: Buffer = Buffer.from([0, 0, 8, 7, 0, 0, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 0]);

/** Most time for the answer to a ping. */
const pingMs = 500;

/**
 * Leaves a session: open streams complete, then it ends. Once Node has sent GOAWAY it refuses what arrives later, even
 * below the identifier that it named. So on plain connections a first GOAWAY is written past it, between its frames:
 * Node goes on serving while the client has stopped. When the client has answered a ping it has read that, and what
 * it sent before has arrived: now Node's own GOAWAY refuses nothing. Not with TLS, whose layer in Node takes one
 * write at a time and ends the process at a second one: there late streams are refused, unprocessed (`REFUSED_STREAM`),
 * and the client may repeat them.
 */
export function leaveHttp2(connection: Http2Connection, socket: Socket): void {
  const { session } = connection;
  if (connection.isLeaving || session.closed || session.destroyed) return;
  if (!connection.isGreeted) {
    session.once('localSettings', () => leaveHttp2(connection, socket));
    return;
  }
  connection.isLeaving = true;
  if (isTlsSocket(socket)) {
    session.close();
    return;
  }
  socket.write(leaveFrame);
  const close = (): void => {
    clearTimeout(timer);
    if (!session.closed && !session.destroyed) session.close();
  };
  const timer = setTimeout(close, pingMs);
  if (!session.ping(close)) close();
}
