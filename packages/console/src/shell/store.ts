import type { ApiEvent, ApiEventName } from '@lameduck/core';
import { computed, effect, type ReadonlySignal, signal } from '@preact/signals';
import { operationFromHistory } from '../model/operation-view.ts';
import { type ConsoleEvent, reduceAll, type StreamEvent } from '../model/reduce.ts';
import { parseRoute, type Route } from '../model/route.ts';
import { type ConsoleState, initialState, kept } from '../model/state.ts';
import { judge, type Tally, tally, type Verdict } from '../model/verdict.ts';
import { api } from './api.ts';
import { type EventStream, followEvents } from './event-stream.ts';
import { onFrame } from './frame.ts';

const current = signal<ConsoleState>(initialState);

/** All that the page knows; changes once an animation frame at most. */
export const state: ReadonlySignal<ConsoleState> = current;
/*
 * Parts of it: what reads one of these is drawn again when that part is another one, and not with every event.
 */
export const link: ReadonlySignal<ConsoleState['link']> = computed(() => current.value.link);
export const isLoaded: ReadonlySignal<boolean> = computed(() => current.value.isLoaded);
export const service: ReadonlySignal<string> = computed(() => current.value.service);
export const edges: ReadonlySignal<ConsoleState['edges']> = computed(() => current.value.edges);
export const nodes: ReadonlySignal<ConsoleState['nodes']> = computed(() => current.value.nodes);
export const traffic: ReadonlySignal<ConsoleState['traffic']> = computed(() => current.value.traffic);
export const rollout: ReadonlySignal<ConsoleState['rollout']> = computed(() => current.value.rollout);
export const operations: ReadonlySignal<ConsoleState['operations']> = computed(
  () => current.value.operations,
);
export const verdict: ReadonlySignal<Verdict> = computed(() => judge(current.value));
export const counts: ReadonlySignal<Tally> = computed(() =>
  tally(current.value.nodes.values(), current.value.traffic.at(-1)),
);
export const route = signal<Route>(parseRoute(location.hash));
/** The page's clock: each second, and ten times a second while something is under way. */
export const now = signal(Date.now());
export const isWorking: ReadonlySignal<boolean> = computed(() =>
  [...operations.value.values()].some(({ report }) => report === undefined),
);

let queue: ConsoleEvent[] = [];
let isScheduled = false;
let flushedAtMs = 0;
/** With more nodes than `few`, the page is drawn twenty times a second at most: frames between stay free. */
const pace = { few: 60, betweenMs: 50 } as const;

/** Hands an event to the reducer with the next animation frame, together with all others of that frame. */
export function dispatch(...events: readonly ConsoleEvent[]): void {
  queue.push(...events);
  if (isScheduled) return;
  isScheduled = true;
  const isMany = current.peek().nodes.size > pace.few;
  const waitMs = isMany ? flushedAtMs + pace.betweenMs - performance.now() : 0;
  if (waitMs > 0) setTimeout(() => onFrame(flush), waitMs);
  else onFrame(flush);
}

function flush(): void {
  isScheduled = false;
  flushedAtMs = performance.now();
  const events = queue;
  queue = [];
  current.value = reduceAll(current.value, events, Date.now());
}

const names: Readonly<Record<ApiEventName, true>> = {
  status: true,
  node: true,
  edge: true,
  service: true,
  operation: true,
  rollout: true,
  traffic: true,
  checks: true,
  audit: true,
};

function readEvent({ event, data }: ApiEvent): ConsoleEvent {
  return event in names ? ({ type: event, data } as StreamEvent) : { type: 'unreadable' };
}

/** Begins to follow the daemon. What happened before the page came is fetched once the stream is open. */
export function followDaemon(): EventStream {
  return followEvents({
    opened(role) {
      dispatch({ type: 'link', link: { phase: 'live', sinceMs: Date.now(), isViewer: role === 'viewer' } });
      loadPast().catch(() => {});
    },
    received: (event) => dispatch(readEvent(event)),
    lost(code, retryAtMs) {
      const { link } = current.value;
      const sinceMs = link.phase === 'lost' ? link.sinceMs : Date.now();
      dispatch({ type: 'link', link: { phase: 'lost', sinceMs, retryAtMs, code } });
    },
    locked: (reason) => dispatch({ type: 'link', link: { phase: 'locked', reason } }),
  });
}

/** Traffic and operations of the last minutes, for the charts. */
async function loadPast(): Promise<void> {
  const sinceMs = Date.now() - kept.trafficMs;
  const [samples, history] = await Promise.all([
    api.traffic(sinceMs).catch(() => []),
    api.history({ limit: 50 }).catch(() => []),
  ]);
  const operations = history
    .filter((entry) => entry.report !== undefined && Date.parse(entry.beganAt) > sinceMs)
    .reverse()
    .flatMap((entry) => operationFromHistory({ ...entry, proofs: [], steps: [] }) ?? []);
  dispatch({ type: 'trafficLoaded', samples }, { type: 'pastLoaded', operations });
}

/** Fetches an operation that the page has not seen, or has seen only in part. Rejects with an ApiError. */
export async function loadOperation(id: string): Promise<void> {
  const operation = operationFromHistory(await api.operation(Number(id)));
  if (operation !== undefined) dispatch({ type: 'operationLoaded', operation });
}

/** Learns the deadline of each operation that begins, as the daemon's preview has it. */
export function learnDeadlines(): void {
  const asked = new Set<string>();
  effect(() => {
    for (const { id, kind, node, report, deadlineAtMs } of operations.value.values()) {
      if (report !== undefined || deadlineAtMs !== undefined || asked.has(id)) continue;
      asked.add(id);
      api.preview(kind, node).then(
        ({ atMostMs }) => dispatch({ type: 'limitLearned', operation: id, atMostMs }),
        () => {},
      );
    }
  });
}

/** Lets the page's clock tick, quicker while something is under way. */
export function runClock(): void {
  effect(() => {
    const timer = setInterval(() => (now.value = Date.now()), isWorking.value ? 100 : 1000);
    return () => clearInterval(timer);
  });
}
