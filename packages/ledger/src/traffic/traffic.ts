import type { Agent } from 'node:http';
import type { Settings } from '../options.ts';
import type { Outcome } from '../outcome.ts';

/** What one connection of the load gives to its kind of traffic. */
export interface Connection {
  readonly settings: Settings;
  /**
   * One socket at most. It keeps a connection alive unless the server said `Connection: close`, and drops an idle
   * one a second before the server's `Keep-Alive: timeout=N` is over (with N=1 it is never used again).
   */
  readonly agent: Agent;
  /** Aborted once the load is asked to stop: ends pauses, never requests. */
  readonly stopped: AbortSignal;
  /** A new request's id; from here on the request counts as sent. */
  begin(): string;
}

/** A request that was sent, and its end. */
export interface Sent {
  readonly id: string;
  readonly method: 'GET' | 'POST';
  readonly outcome: Outcome;
}

/** One kind of traffic. */
export interface Traffic {
  /** A new connection for each request (`Connection: close`). Default: kept alive. */
  readonly isFresh?: boolean;
  /** The pause before the next request, where the kind has its own instead of the load's rate. */
  readonly pauseMs?: (settings: Settings) => number;
  /** Sends one request and waits for its end; `undefined`: the connection ended before anything was sent. */
  readonly send: (connection: Connection) => Promise<Sent | undefined>;
}
