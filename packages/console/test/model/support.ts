import type { EdgeView, NodeStatus, OperationReport, ServiceStatus, TrafficSample } from '@lameduck/core';
import { type ConsoleEvent, reduceAll } from '../../src/model/reduce.ts';
import { type ConsoleState, initialState } from '../../src/model/state.ts';

export const now = 1_800_000_000_000;

export function node(name: string, more: Partial<NodeStatus> = {}): NodeStatus {
  return {
    name,
    kind: 'app',
    address: '127.0.0.1:8001',
    state: 'ready',
    stateMs: 5000,
    inRotation: true,
    inFlight: 2,
    health: 'up',
    workers: [],
    ...more,
  };
}

export function edge(name: string, more: Partial<EdgeView> = {}): EdgeView {
  return {
    name,
    mode: 'gate',
    state: 'ready',
    server: 'nginx/1.22.1',
    out: [],
    desired: [],
    isConverged: true,
    ...more,
  };
}

export function status(more: Partial<ServiceStatus> = {}): ServiceStatus {
  return {
    service: 'shop',
    pid: 1,
    version: '0.1.0',
    edges: [edge('edge-1')],
    nodes: [node('a'), node('b'), node('c')],
    ...more,
  };
}

export function sample(atMs: number, more: Partial<TrafficSample> = {}): TrafficSample {
  return {
    atMs,
    spanMs: 1000,
    nodes: { a: { requests: 5, errors: 0, inFlight: 2 }, b: { requests: 5, errors: 0, inFlight: 7 } },
    total: { requests: 10, errors: 0, p50Ms: 3, p99Ms: 20 },
    ...more,
  };
}

export function report(more: Partial<OperationReport> = {}): OperationReport {
  return {
    operation: 'restart',
    node: 'b',
    result: 'exited',
    phases: [
      { name: 'check', ms: 1 },
      { name: 'remove', ms: 40 },
      { name: 'drain', ms: 300 },
    ],
    inFlight: 14,
    answered: 14,
    lost: 0,
    killed: [],
    ms: 1600,
    ...more,
  };
}

/** The state after a status and these events. */
export function after(...events: readonly ConsoleEvent[]): ConsoleState {
  return reduceAll(live(), [{ type: 'status', data: status() }, ...events], now);
}

export function live(): ConsoleState {
  return { ...initialState, link: { phase: 'live', sinceMs: now } };
}
