import type { IncomingMessage } from 'node:http';
import { connectionOf } from './connection.ts';

/** Set by the edge, and overwritten where a client sent it: the promise to send a bounced request elsewhere. */
export const promiseHeader = 'x-lameduck-retry';

/** Methods that nginx sends again by itself (`proxy_next_upstream` without `non_idempotent`). */
const retried: ReadonlySet<string | undefined> = new Set([
  'GET',
  'HEAD',
  'PUT',
  'DELETE',
  'OPTIONS',
  'TRACE',
]);
/** Arrivals are told in bundles: one message for each of them would cost more than the bounce. */
const tellEachMs = 50;

/**
 * Sends requests back that the edge has promised to send elsewhere, before a handler sees them: by closing their
 * connection without an answer. nginx takes that for an error of the node, tries the next one, and leaves this one
 * alone for `fail_timeout`. An answer such as 503 could be taken for one of the application.
 */
export class Bouncer {
  readonly #token: string | undefined;
  #hasArrived = false;
  #timer: NodeJS.Timeout | undefined;

  /** Without a token nothing is ever bounced. */
  constructor(token: string | undefined) {
    this.#token = token;
  }

  get isOn(): boolean {
    return this.#timer !== undefined;
  }

  /** `busy` is called at most every 50 ms, and only if a request has arrived since. */
  start(busy: () => void): void {
    this.#timer ??= setInterval(() => {
      if (!this.#hasArrived) return;
      this.#hasArrived = false;
      busy();
    }, tellEachMs);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** Bounces the request if that is safe; else it must be served. Not for probes. */
  takes(request: IncomingMessage): boolean {
    this.#hasArrived = true;
    if (this.#token === undefined || request.headers[promiseHeader] !== this.#token) return false;
    if (!retried.has(request.method)) return false;
    const connection = connectionOf(request.socket);
    // An answer that is still owed on this connection would be lost with it.
    if (connection === undefined || connection.pending.some(({ req }) => req !== request)) return false;
    request.socket.destroy();
    return true;
  }
}
