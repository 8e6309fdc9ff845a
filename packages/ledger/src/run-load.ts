import { randomBytes } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { Agent } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';
import type { Kind } from './kinds.ts';
import { busyKinds, type LoadOptions, readOptions, type Settings } from './options.ts';
import type { LedgerResult } from './result.ts';
import { createTally, type Tally } from './tally.ts';
import type { Connection, Traffic } from './traffic/traffic.ts';
import { traffics } from './traffic/traffics.ts';

/** A load that is running. */
export interface Load {
  /** The first part of every request's id: `<runId>-<number>`, numbered from 1. */
  readonly runId: string;
  /** Resolves once the load has ended and nothing is in flight. Never rejects. */
  readonly done: Promise<LedgerResult>;
  /** Begins a named phase: what ends from now on counts there. */
  mark(phase: string): void;
  /** The ledger as it stands. */
  snapshot(): LedgerResult;
  /** Sends nothing new; resolves as `done` does, when all that is in flight has ended (bounded by `timeoutMs`). */
  stop(): Promise<LedgerResult>;
}

/** A dead server is not asked more often than this by one connection, whatever the rate. */
const pauseAfterLossMs = 20;

/** Longer than any server's keep-alive time in practice. It ends idle connections only, no requests. */
const longestIdleMs = 600_000;

/** What all connections of one load share. */
interface Run {
  readonly settings: Settings;
  readonly runId: string;
  readonly tally: Tally;
  readonly stopped: AbortSignal;
  /** Requests that may still be sent. */
  left: number;
  nextNumber: number;
}

/** Waits, or returns early when the load is to stop. */
async function pause(ms: number, stopped: AbortSignal): Promise<void> {
  if (ms > 0 && !stopped.aborted) await wait(ms, undefined, { signal: stopped }).catch(() => {});
}

/** Intervals vary by half, so that the connections do not fall into step. */
function intervalMs(settings: Settings): number {
  return settings.ratePerConnection === 0 ? 0 : (1000 / settings.ratePerConnection) * (0.5 + Math.random());
}

function pauseAfter(traffic: Traffic, settings: Settings, startedAt: number, isLost: boolean): number {
  const least = isLost ? pauseAfterLossMs : 0;
  if (traffic.pauseMs !== undefined) return Math.max(least, traffic.pauseMs(settings));
  return Math.max(least, startedAt + intervalMs(settings) - performance.now());
}

/** Sends one request and enters it in the book; true if it was lost or could not be sent. */
async function sendOne(run: Run, kind: Kind, connection: Connection): Promise<boolean> {
  run.left -= 1;
  const sent = await traffics[kind].send(connection);
  if (sent === undefined) {
    run.left += 1;
    if (!run.stopped.aborted) run.tally.closedUnused();
    return true;
  }
  run.tally.settled(kind, sent);
  return !sent.outcome.ok;
}

/**
 * One socket, never shared. Node's agent obeys a server's `Keep-Alive: timeout=N` (less one second) only if it has a
 * longer timeout of its own: without it, the client would itself run into the server's idle close.
 */
function newAgent(keepAlive: boolean): Agent {
  return new Agent({ keepAlive, maxSockets: 1, maxFreeSockets: 1, timeout: longestIdleMs });
}

async function runConnection(run: Run, kind: Kind): Promise<void> {
  const { settings, stopped, tally } = run;
  const traffic = traffics[kind];
  const agent = newAgent(traffic.isFresh !== true);
  const begin = (): string => {
    tally.sent(kind);
    run.nextNumber += 1;
    return `${run.runId}-${run.nextNumber}`;
  };
  const connection: Connection = { settings, agent, stopped, begin };
  await pause(intervalMs(settings) * Math.random(), stopped);
  while (!stopped.aborted && run.left > 0) {
    const startedAt = performance.now();
    const isLost = await sendOne(run, kind, connection);
    await pause(pauseAfter(traffic, settings, startedAt, isLost), stopped);
  }
  agent.destroy();
}

/** One entry for each connection. */
function connectionKinds(settings: Settings): readonly Kind[] {
  return busyKinds(settings.connections).flatMap(([kind, number]) => Array<Kind>(number).fill(kind));
}

/**
 * Puts load on a service and keeps a ledger of every request: nothing is retried, and what has not got a complete
 * and right answer is lost. Throws UsageError on wrong options.
 */
export function runLoad(options: LoadOptions): Load {
  const settings = readOptions(options);
  const startedAt = performance.now();
  const stopping = new AbortController();
  setMaxListeners(0, stopping.signal); // one for each connection is meant
  const runId = randomBytes(4).toString('hex');
  const tally = createTally(() => performance.now() - startedAt);
  const run: Run = { settings, runId, tally, stopped: stopping.signal, left: settings.count, nextNumber: 0 };
  const connections = connectionKinds(settings);
  const snapshot = (): LedgerResult => ({
    runId,
    url: settings.url.origin,
    connections: connections.length,
    ...tally.summary(),
  });
  const timer =
    settings.durationMs === undefined ? undefined : setTimeout(() => stopping.abort(), settings.durationMs);
  const finish = async (): Promise<LedgerResult> => {
    await Promise.all(connections.map((kind) => runConnection(run, kind)));
    clearTimeout(timer);
    return snapshot();
  };
  const done = finish();
  return {
    runId,
    done,
    mark: (phase) => tally.mark(phase),
    snapshot,
    stop: () => {
      stopping.abort();
      return done;
    },
  };
}
