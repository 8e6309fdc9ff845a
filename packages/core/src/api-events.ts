import type { EdgeView, NodeStatus, OperationProgress, ServiceFlags, ServiceStatus } from './api.ts';
import type { AuditEntry } from './api-audit.ts';
import type { RolloutStatus } from './api-rollout.ts';
import type { TrafficSample } from './api-traffic.ts';
import type { OperationKind, OperationReport } from './report.ts';

/** One thing that happened in an operation. */
export type OperationEventData = {
  /** Of its entry in the history; negative where the store could not take it. */
  readonly id: number;
  /** ISO 8601, UTC. */
  readonly at: string;
  readonly node: string;
  readonly operation: OperationKind;
} & (
  | OperationProgress
  | { readonly type: 'began' }
  | { readonly type: 'ended'; readonly report: OperationReport }
);

/** Checks of about one second, in their order. */
export interface ChecksBatch {
  /** ISO 8601, UTC. */
  readonly at: string;
  readonly checks: readonly {
    readonly node: string;
    readonly ms: number;
    readonly passed: boolean;
    /** Only of checks that failed. */
    readonly detail?: string;
  }[];
}

/** Everything that `GET /v1/events` tells, by the name of the event. */
export interface ApiEvents {
  /** The whole state: the first event of a connection that has missed some. */
  readonly status: ServiceStatus;
  /** One node that has changed. */
  readonly node: NodeStatus;
  readonly edge: EdgeView;
  readonly service: ServiceFlags;
  readonly operation: OperationEventData;
  readonly rollout: RolloutStatus;
  readonly traffic: TrafficSample;
  readonly checks: ChecksBatch;
  readonly audit: AuditEntry;
}

export type ApiEventName = keyof ApiEvents;

/** One event as it was received. */
export type ApiEvent = {
  readonly [Name in ApiEventName]: {
    readonly id: string;
    readonly event: Name;
    readonly data: ApiEvents[Name];
  };
}[ApiEventName];
