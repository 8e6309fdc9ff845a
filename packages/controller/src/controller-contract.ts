import type {
  Config,
  HistoryDetail,
  HistoryEntry,
  OperationKind,
  OperationPlan,
  OperationReport,
  PauseStatus,
  Preview,
  RolloutReport,
  RolloutStatus,
  ServiceStatus,
  WeightReport,
} from '@lameduck/core';
import type { Logger } from 'pino';
import type { OnEffect } from './effect-point.ts';
import type { ServiceEvents } from './events/service-events.ts';
import type { Metrics } from './metrics/metrics.ts';
import type { OperationOptions } from './operation-spec.ts';
import type { LeaveRequest } from './operations.ts';
import type { Clock } from './ports/clock.ts';
import type { Edge } from './ports/edge.ts';
import type { HealthChecks } from './ports/health-checks.ts';
import type { NodeHooks } from './ports/node-hooks.ts';
import type { NodeRunner } from './ports/node-runner.ts';
import type { Store } from './ports/store.ts';
import type { RolloutRequest } from './rollouts.ts';
import type { OnProgress } from './run-operation.ts';
import type { AuditLog } from './store/audit-log.ts';
import type { HistoryQuery } from './store/history.ts';
import type { TrafficWatch } from './traffic-watch.ts';

/** The adapters, made by the composition root. */
export interface ControllerParts {
  readonly config: Config;
  readonly edges: readonly Edge[];
  /** One for each node, by name. */
  readonly runners: ReadonlyMap<string, NodeRunner>;
  readonly store: Store;
  readonly checks: HealthChecks;
  /** Of the nodes that have any, by name. */
  readonly hooks?: ReadonlyMap<string, NodeHooks>;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Of lameduck: part of the status and of the metrics. */
  readonly version: string;
  /** `false`: nodes and edges belong to somebody else, are not started by `open` and not stopped by `close`. */
  readonly isOwner?: boolean;
  /** Told of each step of an operation before and after it touches the world. */
  readonly onEffect?: OnEffect;
}

/** Runs one service: its edges, its nodes and every operation on them. */
export interface Controller {
  /**
   * Starts or adopts nodes and edges; resolves when every node that should serve is in rotation. Where it is no owner,
   * nodes that do not run are watched for until somebody starts them.
   */
  open(signal: AbortSignal): Promise<void>;
  status(): Promise<ServiceStatus>;
  /** Resolves with the report however the operation ends. Throws `noSuchNode`, `busy`, `notRunning`. */
  operate(
    kind: OperationKind,
    node: string,
    onProgress: OnProgress,
    options?: OperationOptions,
  ): Promise<OperationReport>;
  /** What the operation would do; touches nothing. Throws as `operate`. */
  planOperation(kind: OperationKind, node: string, options?: OperationOptions): Promise<OperationPlan>;
  /** A node was sent SIGTERM by somebody else: takes it out, lets it end and starts it again. Throws `notRunning`. */
  leave(node: string, request: LeaveRequest, onProgress: OnProgress): Promise<OperationReport>;
  /** Restarts all nodes, in batches, canaries first. Throws `busy`, `refused`, `usage`, `noSuchNode`. */
  rollout(request: RolloutRequest, onProgress: OnProgress): Promise<RolloutReport>;
  planRollout(request: RolloutRequest): Promise<OperationPlan>;
  /** The rollout under way, or the last one of this controller. */
  rolloutStatus(): RolloutStatus | undefined;
  /** Each throws `notRunning` where no rollout is under way that could obey. */
  pauseRollout(by?: string): RolloutStatus;
  resumeRollout(by?: string): RolloutStatus;
  abortRollout(by?: string): RolloutStatus;
  /** Lets all requests wait at the edges, each at most `holdMs` (`availability.hold`). Throws `edgeRejected`, `edgeUnproven`. */
  pause(by?: string, holdMs?: number): Promise<PauseStatus>;
  /** Sends requests on again, those that wait first. */
  resume(): Promise<void>;
  /** The node's share of the requests from now on; without one the configured. Throws `noSuchNode`, `storeFailed`, `edgeRejected`. */
  setWeight(node: string, weight: number | undefined, by?: string): Promise<WeightReport>;
  history(limit: number): Promise<readonly HistoryEntry[]>;
  findHistory(query: HistoryQuery): Promise<readonly HistoryEntry[]>;
  /** One operation with its proofs and the times of its steps; also while it runs. */
  historyEntry(id: number): Promise<HistoryDetail | undefined>;
  /** What an operation would do now. Throws `noSuchNode`. */
  preview(kind: OperationKind, node: string): Promise<Preview>;
  /** Where the node's processes print to, if that is a file. Throws `noSuchNode`. */
  logFile(node: string): string | undefined;
  readonly events: ServiceEvents;
  readonly audit: AuditLog;
  /** What the edges count. */
  readonly traffic: TrafficWatch;
  readonly metrics: Metrics;
  /**
   * Stops everything gracefully; what is left when the signal aborts is killed. Where it is no owner, nothing is
   * touched, and operations under way are left to the next controller.
   */
  close(signal: AbortSignal): Promise<void>;
}
