import type { IncomingMessage, ServerResponse } from 'node:http';
import { isEventStream } from './event-stream.ts';
import { shared } from './shared-state.ts';

interface Deadline {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly at: number;
}

/**
 * One deadline for all requests. All are of one length, so that they end in the order in which they began: one timer
 * for the oldest is enough.
 */
export class RequestDeadlines {
  readonly #timeoutMs: number;
  #queue: Deadline[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(timeoutMs: number) {
    this.#timeoutMs = timeoutMs;
  }

  begin(request: IncomingMessage, response: ServerResponse): void {
    this.#queue.push({ request, response, at: performance.now() + this.#timeoutMs });
    this.#timer ??= this.#start(this.#timeoutMs);
  }

  #start(ms: number): NodeJS.Timeout {
    return setTimeout(() => this.#sweep(), ms).unref();
  }

  #sweep(): void {
    const now = performance.now();
    const next = this.#queue.findIndex(({ at, response }) => at > now && !response.writableEnded);
    const passed = next < 0 ? this.#queue : this.#queue.slice(0, next);
    this.#queue = next < 0 ? [] : this.#queue.slice(next);
    this.#timer = next < 0 ? undefined : this.#start(Math.max(1, (this.#queue[0]?.at ?? now) - now));
    for (const deadline of passed) if (deadline.at <= now) expire(deadline);
  }
}

/** The handler sees its signal; the client a 503, or, where an answer was begun, that it is not whole. */
function expire({ request, response }: Deadline): void {
  if (response.writableEnded || response.destroyed || isEventStream(response)) return;
  shared.requests.get(request)?.abort();
  // What the handler still writes comes too late, and is no reason for a crash.
  response.on('error', () => undefined);
  if (response.headersSent) response.destroy();
  else response.writeHead(503, { 'content-type': 'text/plain' }).end('The request took too long\n');
}
