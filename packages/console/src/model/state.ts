import type {
  AuditEntry,
  EdgeView,
  NodeStatus,
  OperationKind,
  OperationReport,
  PauseStatus,
  PhaseName,
  RolloutStatus,
  ServiceStatus,
  TrafficSample,
} from '@lameduck/core';

/* All that the page knows. One reducer (reduce.ts) makes the next state from this one and an event. */

export type Link =
  | { readonly phase: 'connecting' }
  | { readonly phase: 'live'; readonly sinceMs: number; readonly isViewer?: boolean }
  | { readonly phase: 'lost'; readonly sinceMs: number; readonly retryAtMs: number; readonly code: string }
  /** The daemon wants a token that we do not have, or refuses the one we have. */
  | { readonly phase: 'locked'; readonly reason: string };

export interface NodeView {
  readonly status: NodeStatus;
  /** When it came into its state, on the page's clock. */
  readonly sinceMs: number;
}

export interface CheckDot {
  readonly atMs: number;
  readonly ms: number;
  readonly passed: boolean;
  readonly detail: string | undefined;
}

export interface TimelineStep {
  readonly name: PhaseName;
  readonly beganAtMs: number | undefined;
  readonly ms: number | undefined;
}

export interface TimelineProof {
  readonly edge: string;
  readonly state: string;
  readonly processes: number | undefined;
  /** From the begin of the operation (live), or from the call (history). */
  readonly afterMs: number | undefined;
}

/** One operation as a timeline; live, or put together from the history. */
export interface OperationView {
  readonly id: string;
  readonly node: string;
  readonly kind: OperationKind;
  readonly beganAtMs: number;
  readonly steps: readonly TimelineStep[];
  readonly proofs: readonly TimelineProof[];
  readonly inFlight: number | undefined;
  readonly peakInFlight: number;
  readonly waiting: string | undefined;
  /** When it must be over: the sum of the deadlines of its steps. */
  readonly deadlineAtMs: number | undefined;
  readonly report: OperationReport | undefined;
  readonly endedAtMs: number | undefined;
}

export interface ConsoleState {
  readonly link: Link;
  /** Whether a status came at all; until then nothing is known. */
  readonly isLoaded: boolean;
  readonly service: string;
  readonly version: string | undefined;
  readonly pid: number;
  readonly panic: ServiceStatus['panic'];
  readonly paused: PauseStatus | undefined;
  readonly pausedAtMs: number | undefined;
  readonly rollout: RolloutStatus | undefined;
  readonly edges: readonly EdgeView[];
  /** In the order of the configuration. */
  readonly nodes: ReadonlyMap<string, NodeView>;
  readonly traffic: readonly TrafficSample[];
  readonly checks: ReadonlyMap<string, readonly CheckDot[]>;
  /** Latest last. */
  readonly operations: ReadonlyMap<string, OperationView>;
  /** The last one that ended before the page's eyes. */
  readonly lastEnded: OperationView | undefined;
  /** Entries that came while the page is open, latest first. */
  readonly audit: readonly AuditEntry[];
  /** Requests that ended operations said were lost, while the page is open. */
  readonly lost: number;
  /** Events that could not be read: the daemon is of another version. */
  readonly unreadable: number;
}

export const initialState: ConsoleState = {
  link: { phase: 'connecting' },
  isLoaded: false,
  service: '',
  version: undefined,
  pid: 0,
  panic: undefined,
  paused: undefined,
  pausedAtMs: undefined,
  rollout: undefined,
  edges: [],
  nodes: new Map(),
  traffic: [],
  checks: new Map(),
  operations: new Map(),
  lastEnded: undefined,
  audit: [],
  lost: 0,
  unreadable: 0,
};

/** How much is kept: 15 minutes of traffic, 60 checks of a node, the last operations. */
export const kept: {
  readonly trafficMs: number;
  readonly checks: number;
  readonly operations: number;
  readonly audit: number;
} = { trafficMs: 15 * 60_000, checks: 60, operations: 100, audit: 200 };
