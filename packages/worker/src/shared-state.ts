import { setMaxListeners } from 'node:events';
import type { IncomingMessage } from 'node:http';

/** Counts of one worker at one moment. */
export interface Counts {
  /** Open connections, and those of them without a request. */
  readonly open: number;
  readonly idle: number;
  /** Upgraded connections (WebSocket): not part of `inFlight`. */
  readonly sessions: number;
  /** Requests begun and not answered. */
  readonly inFlight: number;
  /** Requests answered since the start. */
  readonly answered: number;
}

/** One served application of this process. */
export interface Member {
  readonly inFlight: number;
  counts(): Counts;
  terminate(): void;
  quit(): void;
}

/** What all copies of this module in one process share: the application's own copy and the master's. */
export interface SharedState {
  /** Aborted when the first drain of the process starts. */
  readonly drain: AbortController;
  /** Applications served and not yet drained. */
  readonly members: Set<Member>;
  /** Of requests whose signal was asked for. */
  readonly requests: WeakMap<IncomingMessage, AbortController>;
  /** See `WorkerContext`; a master's worker fills it in before it loads the application. */
  readonly context: { id: number; generation: number; readonly state: object };
  hasSignalHandlers: boolean;
  /** Readiness fails on demand, while everything is served. */
  isLameDuck: boolean;
  /** Largest exit code of the members that have ended. */
  exitCode: number;
}

const key = Symbol.for('lameduck.worker');

function createSharedState(): SharedState {
  const drain = new AbortController();
  // Every open stream may listen; that is no leak.
  setMaxListeners(0, drain.signal);
  return {
    drain,
    members: new Set(),
    requests: new WeakMap(),
    context: { id: 0, generation: 0, state: {} },
    hasSignalHandlers: false,
    isLameDuck: false,
    exitCode: 0,
  };
}

function findSharedState(): SharedState {
  const holder = globalThis as { [key]?: SharedState };
  holder[key] ??= createSharedState();
  return holder[key];
}

/** The one state of this process, whichever copy of the module made it. */
export const shared: SharedState = findSharedState();
