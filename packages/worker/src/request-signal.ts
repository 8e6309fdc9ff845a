import type { IncomingMessage } from 'node:http';
import type { Http2Stream } from 'node:http2';
import { connectionOf } from './connection.ts';
import { shared } from './shared-state.ts';

/**
 * Aborted when the client goes away before the answer is complete, or when the grace period has passed. Made on
 * the first call for a request; the next calls give the same signal.
 */
export function requestSignal(request: IncomingMessage): AbortSignal {
  const known = shared.requests.get(request);
  if (known !== undefined) return known.signal;
  const controller = new AbortController();
  shared.requests.set(request, controller);
  const { stream } = request as { stream?: Http2Stream };
  if (stream === undefined) followConnection(request, controller);
  else followStream(stream, controller);
  return controller.signal;
}

function followConnection(request: IncomingMessage, controller: AbortController): void {
  const { socket } = request;
  const isCounted = connectionOf(socket)?.pending.some((response) => response.req === request) ?? false;
  if (socket.destroyed) controller.abort();
  // Counted requests are aborted by their connection's table; others (upgraded ones) by their socket.
  else if (!isCounted) socket.once('close', () => controller.abort());
}

/** HTTP/2: the stream is the connection of one request. */
function followStream(stream: Http2Stream, controller: AbortController): void {
  const settle = (): void => {
    if (stream.rstCode !== 0) controller.abort();
  };
  if (stream.closed || stream.destroyed) settle();
  else stream.once('close', settle);
}
