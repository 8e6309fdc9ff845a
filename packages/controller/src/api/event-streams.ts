import type { ServerResponse } from 'node:http';
import { apiHeader, apiRevision, LameduckError, roleHeader } from '@lameduck/core';
import type { ServiceEvents } from '../events/service-events.ts';
import type { ApiContext } from './caller.ts';

/** Clients at once; each costs a socket and, at worst, the buffer below. */
const mostClients = 200;
/** What a client may leave unread before it is let go: it comes back and takes up where it was. */
const mostUnreadBytes = 4 * 1024 * 1024;
/** So that proxies and clients notice a dead connection. */
const keepAliveMs = 15_000;

/** The clients of `GET /v1/events`. Written to the socket itself: one buffer for all of them, and no copy. */
export class EventStreams {
  readonly #events: ServiceEvents;
  #clients = 0;

  constructor(events: ServiceEvents) {
    this.#events = events;
  }

  /** Resolves when the first events are written. Throws `tooMany`. */
  async open(context: ApiContext, lastEventId: string | undefined): Promise<void> {
    if (this.#clients >= mostClients) {
      throw new LameduckError('tooMany', `Cannot listen: at most ${mostClients} listeners are wanted`);
    }
    this.#clients += 1;
    const { outgoing } = context.env;
    let held: Buffer[] | undefined = [];
    const listener = (chunk: Buffer): void => {
      if (held === undefined) write(outgoing, chunk);
      else held.push(chunk);
    };
    outgoing.once('close', () => {
      this.#clients -= 1;
      this.#events.bus.unsubscribe(listener);
    });
    begin(outgoing, context.var.caller.role);
    try {
      write(outgoing, await this.#events.listen(listener, lastEventId));
    } catch {
      // the controller is ending: whoever comes again finds the next one
      outgoing.destroy();
    }
    for (const chunk of held) write(outgoing, chunk);
    held = undefined;
  }
}

function begin(outgoing: ServerResponse, role: string): void {
  // it has no end but the connection's: without the frames of chunked coding each write is one buffer and one call
  outgoing.useChunkedEncodingByDefault = false;
  outgoing.writeHead(200, {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store',
    // nginx would hold events back
    'x-accel-buffering': 'no',
    'x-content-type-options': 'nosniff',
    [apiHeader]: String(apiRevision),
    [roleHeader]: role,
  });
  outgoing.write('retry: 1000\n\n');
  const beat = setInterval(() => write(outgoing, ':\n\n'), keepAliveMs);
  outgoing.once('close', () => clearInterval(beat));
}

/**
 * A client that does not read is let go; nobody waits for it. Past the response, which would keep each chunk until the
 * next tick to join it with others.
 */
function write({ socket }: ServerResponse, chunk: Buffer | string): void {
  if (socket === null || socket.destroyed || chunk.length === 0) return;
  if (socket.writableLength > mostUnreadBytes) socket.destroy();
  else socket.write(chunk);
}
