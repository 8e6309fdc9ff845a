import type { RolloutStatus } from './api-rollout.ts';
import type { HealthVerdict } from './health.ts';
import type { OperationKind, OperationReport, PhaseName, RolloutReport } from './report.ts';

/** What the controller tells on its API; the same shapes as `--json`. Fields may be added, never renamed. */
export type NodeState = 'ready' | 'draining' | 'drained' | 'stopped' | 'starting' | 'unhealthy';

export interface NodeStatus {
  readonly name: string;
  readonly kind: 'app' | 'gunicorn' | 'process' | 'systemd';
  readonly address: string;
  readonly state: NodeState;
  /** Milliseconds in this state. */
  readonly stateMs: number;
  readonly inRotation: boolean;
  /**
   * At most so many requests are under way to it; 0 is exact. A request that nginx has placed by itself is known to be on
   * a certain node only when its answer begins: until then it counts for each node that it may be on.
   */
  readonly inFlight: number;
  readonly health: HealthVerdict;
  /** What the last check said, and why the node is out where it is. */
  readonly lastCheck?: string;
  readonly reason?: string;
  /** The last time that its health turned, and why. */
  readonly healthChange?: {
    readonly from: HealthVerdict;
    readonly to: HealthVerdict;
    readonly reason: string;
    /** Milliseconds since then. */
    readonly ms: number;
  };
  readonly pid?: number;
  readonly workers: readonly WorkerView[];
  readonly arbiter?: ArbiterView;
  /** Connections that its workers have open. */
  readonly connections?: number;
  /** What its application says of its own version. */
  readonly version?: string;
  /** Its share of the requests, as configured or as set at run time (`lameduck weight`). */
  readonly weight?: number;
  /** Where another one was set at run time. */
  readonly configuredWeight?: number;
  /** The operation that holds the node's lock. */
  readonly operation?: {
    readonly kind: OperationKind;
    readonly phase: PhaseName;
    readonly ms: number;
    readonly by?: string;
  };
}

/** One process that serves; the numbers where its master tells them. */
export interface WorkerView {
  readonly pid: number;
  readonly state: string;
  readonly inFlight?: number;
  /** Connections open, and of those idle. */
  readonly open?: number;
  readonly idle?: number;
  /** Bytes of memory. */
  readonly rss?: number;
  /** Raised by each reload. */
  readonly generation?: number;
  /** When its process began, in milliseconds since 1970, to the second. */
  readonly startedAtMs?: number;
}

/** The arbiter of a Gunicorn node; the numbers where it has a control socket (Gunicorn 25.1) and answers on it. */
export interface ArbiterView {
  /** Of the Gunicorn that lameduck has started. */
  readonly version?: string;
  /** Workers that it wants now; `gunicornc` and SIGTTIN change it. */
  readonly target?: number;
  /** Workers that it has started since its own start, the first ones too. */
  readonly spawned?: number;
  /** Reloads since its own start; lameduck does none. */
  readonly reloads?: number;
}

export interface EdgeView {
  readonly name: string;
  readonly mode: 'gate' | 'reload';
  readonly state: string;
  readonly server: string;
  readonly pid?: number;
  readonly listen?: string;
  /** Nodes that nginx really sends nothing to, and those that it shall send nothing to. */
  readonly out: readonly string[];
  readonly desired: readonly string[];
  /** It does what is desired, and has proved it. */
  readonly isConverged: boolean;
  readonly reason?: string;
  /** Weights that it has in place of the configured ones, by node. */
  readonly weights?: Readonly<Record<string, number>>;
  /** Its requests wait, since when (milliseconds since 1970) and each at most how long. */
  readonly paused?: { readonly sinceMs: number; readonly holdMs: number };
  /** How many wait now. */
  readonly held?: number;
}

/** All requests wait at the edges on purpose (`lameduck pause`). */
export interface PauseStatus {
  /** When it began, in milliseconds since 1970. */
  readonly sinceMs: number;
  /** The longest that one request waits; then it gets 503 with `Retry-After`. */
  readonly holdMs: number;
  readonly by?: string;
  /** What the nodes were still busy with when the pause was told. */
  readonly inFlight?: number;
}

/** A weight that was set at run time. */
export interface WeightReport {
  readonly node: string;
  readonly weight: number;
  /** What the configuration says, and what it was until now. */
  readonly configured: number;
  readonly before: number;
  /** Edges that are down: they follow when they are back. */
  readonly unproven?: readonly string[];
}

/** What concerns all nodes at once. */
export interface ServiceFlags {
  readonly paused?: PauseStatus;
  /** Health says that too many nodes are down at once: they are sent to all the same (`availability.panic`). */
  readonly panic?: { readonly down: number; readonly of: number };
  /** The rollout under way, or the last one of this controller. */
  readonly rollout?: RolloutStatus;
}

export interface ServiceStatus extends ServiceFlags {
  readonly service: string;
  readonly pid: number;
  /** Of lameduck. */
  readonly version?: string;
  readonly edges: readonly EdgeView[];
  readonly nodes: readonly NodeStatus[];
}

/** One line of the stream that an operation answers with; the last one holds the report. */
export type OperationProgress =
  | { readonly type: 'phase'; readonly node: string; readonly phase: PhaseName }
  | { readonly type: 'phaseEnded'; readonly node: string; readonly phase: PhaseName; readonly ms: number }
  /** A node that leaves by itself must wait, and for what. */
  | { readonly type: 'waiting'; readonly node: string; readonly reason: string }
  | { readonly type: 'inFlight'; readonly node: string; readonly count: number }
  | {
      readonly type: 'edge';
      readonly node: string;
      readonly edge: string;
      readonly state: string;
      readonly processes?: number;
    }
  | { readonly type: 'nodeReport'; readonly report: OperationReport }
  /** How the rollout stands: after each change, and each second while its canary soaks. */
  | { readonly type: 'rollout'; readonly status: RolloutStatus };

export type OperationLine =
  | OperationProgress
  | { readonly type: 'report'; readonly report: OperationReport | RolloutReport }
  | { readonly type: 'error'; readonly error: { readonly code: string; readonly message: string } };

/** One operation in the history; `report` is missing while it runs, or for ever if the controller died in it. */
export interface HistoryEntry {
  readonly id: number;
  readonly operation: OperationKind | 'rollout';
  /** The node, or the number of nodes of a rollout. */
  readonly subject: string;
  /** ISO 8601, UTC. */
  readonly beganAt: string;
  /** Who asked for it, where that is known. */
  readonly by?: string;
  readonly report?: OperationReport | RolloutReport;
  /** What the edges have acknowledged. */
  readonly proofs?: readonly ProofView[];
}

/** What an edge has acknowledged before the node was signalled. */
export interface ProofView {
  readonly edge: string;
  readonly mode: 'gate' | 'reload';
  /** Milliseconds from the call to the proof. */
  readonly ms: number;
  readonly generation: number;
}

/** One step of an operation, with when it began; a step without `ms` is the one under way. */
export interface StepView {
  readonly name: PhaseName;
  /** ISO 8601, UTC. */
  readonly beganAt: string;
  readonly ms?: number;
}

/** One operation with all that is known of it. */
export interface HistoryDetail extends HistoryEntry {
  readonly proofs: readonly ProofView[];
  readonly steps: readonly StepView[];
}
