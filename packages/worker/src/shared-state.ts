import { setMaxListeners } from 'node:events';
import type { IncomingMessage, Server } from 'node:http';

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
  readonly server: Server;
  readonly inFlight: number;
  /** Resolves when its drain is over. */
  readonly ended: Promise<DrainReport>;
  counts(): Counts;
  /** What its probes say. */
  probePhase(): 'starting' | 'ready' | 'draining';
  terminate(): void;
  quit(): void;
  /** Another one counts and drains the same server from now on; gives the shutdown hooks that it must run. */
  yieldTo(heir: Member): readonly (() => unknown)[];
}

/** What the end of one drain was. */
export interface DrainReport {
  /** 0 nothing lost · 1 a shutdown hook failed or took too long · 5 something outlived the grace period. */
  readonly code: 0 | 1 | 5;
  /** What outlived the grace period, as `METHOD /path`. */
  readonly aborted: readonly string[];
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
