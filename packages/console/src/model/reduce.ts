import type {
  ApiEventName,
  ApiEvents,
  ChecksBatch,
  NodeStatus,
  OperationEventData,
  ServiceStatus,
  TrafficSample,
} from '@lameduck/core';
import { toMs } from './format.ts';
import { mergeLoaded, operationFromStatus, stepOperationView } from './operation-view.ts';
import {
  type CheckDot,
  type ConsoleState,
  kept,
  type Link,
  type NodeView,
  type OperationView,
} from './state.ts';

/** What the daemon's stream brings. */
export type StreamEvent = {
  readonly [Name in ApiEventName]: { readonly type: Name; readonly data: ApiEvents[Name] };
}[ApiEventName];

/** What the page itself notices, beside what the daemon tells. */
export type LocalEvent =
  | { readonly type: 'link'; readonly link: Link }
  | { readonly type: 'trafficLoaded'; readonly samples: readonly TrafficSample[] }
  /** One with all that is known of it. */
  | { readonly type: 'operationLoaded'; readonly operation: OperationView }
  /** What ended before the page came, without proofs. */
  | { readonly type: 'pastLoaded'; readonly operations: readonly OperationView[] }
  /** The most that an operation under way can take. */
  | { readonly type: 'limitLearned'; readonly operation: string; readonly atMostMs: number }
  | { readonly type: 'unreadable' };

export type ConsoleEvent = StreamEvent | LocalEvent;

/** The state after one event; `nowMs` is when it came. */
export function reduce(state: ConsoleState, event: ConsoleEvent, nowMs: number): ConsoleState {
  return reduceAll(state, [event], nowMs);
}

/**
 * The state after all events of one animation frame, in their order. Nodes and checks are copied once for all of
 * them, not once for each: 500 nodes may change in one frame.
 */
export function reduceAll(state: ConsoleState, events: readonly ConsoleEvent[], nowMs: number): ConsoleState {
  const nodes = events.some(({ type }) => type === 'node') ? new Map(state.nodes) : undefined;
  const checks = events.some(({ type }) => type === 'checks') ? new Map(state.checks) : undefined;
  let next = state;
  for (const event of events) {
    if (event.type === 'node' && nodes !== undefined) nodes.set(event.data.name, viewNode(event.data, nowMs));
    else if (event.type === 'checks' && checks !== undefined) noteChecks(checks, event.data, nowMs);
    else next = reduceOther(next, event, nowMs);
    if (event.type === 'status' && nodes !== undefined) replaceAll(nodes, next.nodes);
  }
  return {
    ...next,
    ...(nodes === undefined ? {} : { nodes }),
    ...(checks === undefined ? {} : { checks }),
  };
}

function replaceAll(nodes: Map<string, NodeView>, by: ReadonlyMap<string, NodeView>): void {
  nodes.clear();
  for (const [name, view] of by) nodes.set(name, view);
}

function viewNode(status: NodeStatus, nowMs: number): NodeView {
  return { status, sinceMs: nowMs - status.stateMs };
}

function noteChecks(checks: Map<string, readonly CheckDot[]>, batch: ChecksBatch, nowMs: number): void {
  const atMs = toMs(batch.at) ?? nowMs;
  for (const { node, ms, passed, detail } of batch.checks) {
    const before = checks.get(node) ?? [];
    checks.set(node, [...before.slice(1 - kept.checks), { atMs, ms, passed, detail }]);
  }
}

function reduceOther(state: ConsoleState, event: ConsoleEvent, nowMs: number): ConsoleState {
  switch (event.type) {
    case 'status':
      return takeStatus(state, event.data, nowMs);
    case 'edge':
      return { ...state, edges: upsert(state.edges, event.data) };
    case 'service':
      return takeService(state, event.data, nowMs);
    case 'operation':
      return takeOperation(state, event.data, nowMs);
    case 'rollout':
      return { ...state, rollout: event.data };
    case 'traffic':
      return { ...state, traffic: appendTraffic(state.traffic, [event.data]) };
    case 'audit':
      return { ...state, audit: [event.data, ...state.audit].slice(0, kept.audit) };
    default:
      return reduceLocal(state, event);
  }
}

function reduceLocal(state: ConsoleState, event: ConsoleEvent): ConsoleState {
  switch (event.type) {
    case 'link':
      return { ...state, link: event.link };
    case 'trafficLoaded':
      return { ...state, traffic: appendTraffic(event.samples, state.traffic) };
    case 'operationLoaded':
      return keepOperation(state, mergeLoaded(state.operations.get(event.operation.id), event.operation));
    case 'pastLoaded':
      return { ...state, operations: addPast(state.operations, event.operations) };
    case 'limitLearned':
      return learnLimit(state, event.operation, event.atMostMs);
    case 'unreadable':
      return { ...state, unreadable: state.unreadable + 1 };
    default:
      // an event of a newer daemon
      return state;
  }
}

function upsert<T extends { readonly name: string }>(list: readonly T[], item: T): readonly T[] {
  return list.some(({ name }) => name === item.name)
    ? list.map((each) => (each.name === item.name ? item : each))
    : [...list, item];
}

function takeStatus(state: ConsoleState, status: ServiceStatus, nowMs: number): ConsoleState {
  return {
    ...state,
    isLoaded: true,
    service: status.service,
    version: status.version,
    pid: status.pid,
    panic: status.panic,
    paused: status.paused,
    pausedAtMs: pausedAt(status.paused, nowMs),
    rollout: status.rollout,
    edges: status.edges ?? [],
    nodes: new Map((status.nodes ?? []).map((node) => [node.name, viewNode(node, nowMs)])),
    operations: mergeRunning(state.operations, status.nodes ?? [], nowMs),
  };
}

/** `sinceMs` may be an instant or a duration: what is longer than ten years is an instant. */
function pausedAt(paused: ConsoleState['paused'], nowMs: number): number | undefined {
  if (paused === undefined) return undefined;
  return paused.sinceMs > 3e11 ? paused.sinceMs : nowMs - paused.sinceMs;
}

/**
 * A snapshot stands for all events before it: an operation that ran and does not run any more has ended, and how is
 * in the history; one that runs and that we have no events of is shown as far as the status tells.
 */
function mergeRunning(
  before: ReadonlyMap<string, OperationView>,
  nodes: readonly NodeStatus[],
  nowMs: number,
): ReadonlyMap<string, OperationView> {
  const running = new Map(nodes.flatMap((node) => (node.operation === undefined ? [] : [[node.name, node]])));
  const merged = new Map<string, OperationView>();
  for (const [id, view] of before) {
    const isKept = view.report !== undefined || running.get(view.node)?.operation?.kind === view.kind;
    if (isKept) merged.set(id, view);
    if (isKept && view.report === undefined) running.delete(view.node);
  }
  for (const node of running.values()) {
    const view = operationFromStatus(node, nowMs);
    if (view !== undefined) merged.set(view.id, view);
  }
  return merged;
}

function takeService(
  state: ConsoleState,
  service: Extract<ConsoleEvent, { type: 'service' }>['data'],
  nowMs: number,
): ConsoleState {
  const paused = service.paused ?? undefined;
  return {
    ...state,
    paused,
    pausedAtMs: pausedAt(paused, nowMs),
    panic: service.panic ?? undefined,
    rollout: service.rollout ?? undefined,
  };
}

function takeOperation(state: ConsoleState, event: OperationEventData, nowMs: number): ConsoleState {
  const id = String(event.id);
  const placeholder = state.operations.get(`${event.node}:now`);
  const before = state.operations.get(id) ?? (placeholder && { ...placeholder, id });
  const view = stepOperationView(before, event, nowMs);
  const lost = state.lost + (event.type === 'ended' ? event.report.lost : 0);
  const operations = new Map(state.operations);
  operations.delete(`${event.node}:now`);
  const lastEnded = event.type === 'ended' ? view : state.lastEnded;
  return keepOperation({ ...state, lost, lastEnded, operations }, view);
}

function learnLimit(state: ConsoleState, id: string, atMostMs: number): ConsoleState {
  const view = state.operations.get(id);
  if (view === undefined || view.report !== undefined) return state;
  const operations = new Map(state.operations).set(id, { ...view, deadlineAtMs: view.beganAtMs + atMostMs });
  return { ...state, operations };
}

function keepOperation(state: ConsoleState, view: OperationView): ConsoleState {
  const operations = new Map(state.operations);
  operations.set(view.id, view);
  for (const id of operations.keys()) {
    if (operations.size <= kept.operations) break;
    operations.delete(id);
  }
  return { ...state, operations };
}

/** Before those that the page has seen: what it knows of an operation is never less than what a list tells. */
function addPast(
  seen: ReadonlyMap<string, OperationView>,
  past: readonly OperationView[],
): ReadonlyMap<string, OperationView> {
  const unseen = past.filter(({ id }) => !seen.has(id)).map((view) => [view.id, view] as const);
  return new Map([...unseen, ...seen].slice(-kept.operations));
}

/** In the order of time, each second once, nothing older than what is kept. */
function appendTraffic(
  before: readonly TrafficSample[],
  more: readonly TrafficSample[],
): readonly TrafficSample[] {
  const lastMs = before.at(-1)?.atMs ?? Number.NEGATIVE_INFINITY;
  const all = [...before, ...more.filter(({ atMs }) => atMs > lastMs)];
  const newest = all.at(-1)?.atMs ?? 0;
  const first = all.findIndex(({ atMs }) => atMs >= newest - kept.trafficMs);
  return first > 0 ? all.slice(first) : all;
}
