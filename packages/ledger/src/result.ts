import type { Kind } from './kinds.ts';
import type { LossReason } from './outcome.ts';

/** Milliseconds; all 0 where nothing was answered. Only answered requests count. */
export interface Latency {
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly max: number;
}

/** Counts of a group of requests. */
export interface Counts {
  readonly sent: number;
  readonly answered: number;
  readonly lost: number;
  readonly latency: Latency;
}

/** A stretch of the load between two `mark`s. A request belongs to the phase in which it ended. */
export interface Phase extends Omit<Counts, 'sent'> {
  readonly name: string;
  readonly durationMs: number;
}

/** One lost request. */
export interface Loss {
  readonly id: string;
  readonly kind: Kind;
  readonly method: 'GET' | 'POST';
  readonly reason: LossReason;
  /** When it ended, from the load's start. */
  readonly atMs: number;
  readonly phase: string;
  readonly code?: string;
  readonly status?: number;
}

/** What the servers' ledgers say about this load (`joinLedgers`). */
export interface ServerSide {
  /** Requests whose handler started, by node. */
  readonly nodes: Readonly<Record<string, number>>;
  /** Ids whose handler started more than once. */
  readonly duplicates: readonly string[];
  /** Lost ids whose handler started: to send them again would execute them twice. */
  readonly executedButLost: readonly string[];
  /** Lost ids that no handler saw. */
  readonly unseen: readonly string[];
  /** Answered requests that no handler noted: over 0, the servers' ledgers are not complete. */
  readonly answeredUnseen: number;
  /** Handlers that started and never finished. */
  readonly unfinished: number;
}

/** The client's ledger; JSON-safe. `sent = answered + lost + inFlight`. */
export interface LedgerResult extends Counts {
  readonly runId: string;
  readonly url: string;
  readonly connections: number;
  readonly durationMs: number;
  readonly requestsPerSecond: number;
  /** Sent and not settled yet; 0 in the result of a load that ended. */
  readonly inFlight: number;
  /** Connections that the server closed before the client had sent anything on them: no loss. */
  readonly closedUnused: number;
  readonly reasons: Readonly<Record<LossReason, number>>;
  /** Lost requests by the status they got instead of 200. */
  readonly errorStatuses: Readonly<Record<string, number>>;
  readonly kinds: Readonly<Partial<Record<Kind, Counts>>>;
  readonly phases: readonly Phase[];
  readonly losses: readonly Loss[];
  readonly server?: ServerSide;
}
