import {
  type HealthState,
  type NodeAvailability,
  type NodeConfig,
  type NodeOpinion,
  type NodeState,
  type NodeStatus,
  nodeState,
  type OperationKind,
  type OutReason,
  type PhaseName,
  unknownHealth,
} from '@lameduck/core';
import type { NodeRunner, ProcessIdentity } from './ports/node-runner.ts';
import { ToldSet, tellChanges } from './told-values.ts';

/** The operation that holds a node's lock. */
export interface HeldOperation {
  readonly kind: OperationKind;
  readonly beganAt: number;
  readonly phase: PhaseName;
  /** Who asked for it, where that is known. */
  readonly by?: string | undefined;
}

/** How a node was drained or stopped on purpose. */
export interface TakenOut {
  /** Milliseconds since 1970. */
  readonly atMs: number;
  /** Who asked for it, where that is known. */
  readonly by?: string | undefined;
}

/** What the controller knows of one node; the only mutable record of it. */
export interface NodeRecord {
  // what stands here is replaced, never changed in place: who watches the record would not see it
  readonly config: NodeConfig;
  readonly runner: NodeRunner;
  readonly out: Set<OutReason>;
  health: HealthState;
  process: ProcessIdentity | undefined;
  operation: HeldOperation | undefined;
  /** While it is out for that; missing where nobody knows any more. */
  takenOut: TakenOut | undefined;
  inFlight: number;
  /** Its share of the requests: as configured, or as set at run time (`weights.ts`). */
  weight: number;
  /** The pid of the main process that was sent SIGTERM by somebody else and serves on until it is its turn to leave. */
  leavingPid: number | undefined;
  /** The state and when it began: kept by `noteState`. */
  shown: { readonly state: NodeState; readonly since: number };
  /** Why the last operation or process ended badly, until the node is well again. */
  reason: string | undefined;
  /** What its master told when it was last asked; another object only where that has changed. */
  details: NodeDetails | undefined;
  /** From now on called whenever something of it has been set to another value; the last who asked for it is called. */
  onTouch(listener: () => void): void;
}

/** What only the processes of a node know. */
export type NodeDetails = Pick<NodeStatus, 'workers' | 'connections' | 'arbiter'>;

export function createNodeRecord(config: NodeConfig, runner: NodeRunner, now: number): NodeRecord {
  let touch = (): void => undefined;
  const onTouch = (): void => touch();
  const values: NodeRecord = {
    config,
    runner,
    out: new ToldSet(onTouch),
    health: unknownHealth,
    process: undefined,
    operation: undefined,
    takenOut: undefined,
    inFlight: 0,
    weight: config.weight,
    leavingPid: undefined,
    shown: { state: 'stopped', since: now },
    reason: undefined,
    details: undefined,
    onTouch(listener) {
      touch = listener;
    },
  };
  return tellChanges(values, onTouch);
}

export function currentState(record: NodeRecord): NodeState {
  return nodeState({
    isRunning: record.process !== undefined,
    phase: record.operation?.phase,
    out: [...record.out],
    verdict: record.health.verdict,
    inFlight: record.inFlight,
    isLeaving: isLeaving(record),
  });
}

/** Whether an operator has taken it out, or is about to: nothing but another operator brings such a node back. */
export function isTakenOut({ out, operation }: NodeRecord): boolean {
  const isLeaving = operation?.kind === 'drain' || operation?.kind === 'stop';
  return isLeaving || out.has('operator') || out.has('stopped');
}

/** Its readiness fails, whatever it still serves. */
function isLeaving(record: NodeRecord): boolean {
  return record.leavingPid !== undefined && record.leavingPid === record.process?.pid;
}

/** Notes since when the node has been in the state that it is in now; to be called after whatever may change it. */
export function noteState(record: NodeRecord, now: number): void {
  const state = currentState(record);
  if (state !== record.shown.state) record.shown = { state, since: now };
}

export function availability(record: NodeRecord): NodeAvailability {
  return {
    name: record.config.name,
    isInRotation: record.out.size === 0,
    isHealthy: (record.health.verdict === 'up' || isLeaving(record)) && record.process !== undefined,
  };
}

/** What health says of a node that nobody has taken out on purpose; a node without a process is down. */
export function opinion(record: NodeRecord): NodeOpinion {
  const isOutForHealth = record.out.size === 1 && record.out.has('health');
  return {
    isWanted: record.operation === undefined && (record.out.size === 0 || isOutForHealth),
    isDown: record.health.verdict === 'down' || record.process === undefined,
  };
}
