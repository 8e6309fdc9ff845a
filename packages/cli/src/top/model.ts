import type { EventUpdate } from '@lameduck/client';
import type { NodeStatus, ServiceStatus, TrafficSample } from '@lameduck/core';
import { describeEvent } from '../output/event-line.ts';
import { perSecond } from './rates.ts';

/** Lines of what happened last, and seconds of the curve. */
const mostNews = 50;
const mostSeconds = 60;

export interface NodeView {
  readonly status: NodeStatus;
  /** When it was told, by this side's clock: times in it go on from there. */
  readonly at: number;
  readonly check?: { readonly ms: number; readonly passed: boolean };
}

/** Everything that `top` shows; made of events alone. */
export interface TopModel {
  readonly status: ServiceStatus | undefined;
  readonly nodes: ReadonlyMap<string, NodeView>;
  readonly traffic: TrafficSample | undefined;
  readonly rates: readonly number[];
  readonly news: readonly string[];
  /** Why nothing comes, where that is so. */
  readonly lost: string | undefined;
}

export const emptyModel: TopModel = {
  status: undefined,
  nodes: new Map(),
  traffic: undefined,
  rates: [],
  news: [],
  lost: undefined,
};

/** The model after one event. */
export function stepTop(model: TopModel, update: EventUpdate, at: number): TopModel {
  const news = note(model, update);
  switch (update.event) {
    case 'connected':
      return { ...news, lost: undefined };
    case 'disconnected':
      return { ...news, lost: update.reason };
    case 'status': {
      const nodes = new Map(update.data.nodes.map((status) => [status.name, { status, at }]));
      return { ...news, status: update.data, nodes };
    }
    case 'node':
      return setNode(news, update.data.name, (known) => ({ ...known, status: update.data, at }));
    case 'checks':
      return update.data.checks.reduce(
        (next, { node, ms, passed }) =>
          setNode(next, node, (known) =>
            known === undefined ? undefined : { ...known, check: { ms, passed } },
          ),
        news,
      );
    case 'traffic':
      return {
        ...news,
        traffic: update.data,
        rates: [...model.rates, perSecond(update.data.total.requests, update.data)].slice(-mostSeconds),
      };
    case 'edge':
    case 'service':
    case 'rollout':
      return news.status === undefined ? news : { ...news, status: patch(news.status, update) };
    default:
      return news;
  }
}

function note(model: TopModel, update: EventUpdate): TopModel {
  // what a node or an edge is stands in the table, and that nothing comes above it
  const isShown = ['node', 'edge', 'status', 'disconnected'].includes(update.event);
  const line = isShown ? undefined : describeEvent(update);
  return line === undefined || line === lineBefore(model.status, update)
    ? model
    : { ...model, news: [...model.news, line].slice(-mostNews) };
}

/** What was said before of a thing that is told again whenever anything of it has changed. */
function lineBefore(status: ServiceStatus | undefined, { event }: EventUpdate): string | undefined {
  if (event === 'service' && status !== undefined) return describeEvent({ event, id: '', data: status });
  if (event === 'rollout' && status?.rollout !== undefined)
    return describeEvent({ event, id: '', data: status.rollout });
  return undefined;
}

function setNode(
  model: TopModel,
  name: string,
  change: (known: NodeView | undefined) => NodeView | undefined,
): TopModel {
  const next = change(model.nodes.get(name));
  return next === undefined ? model : { ...model, nodes: new Map(model.nodes).set(name, next) };
}

function patch(
  status: ServiceStatus,
  update: Extract<EventUpdate, { event: 'edge' | 'service' | 'rollout' }>,
): ServiceStatus {
  if (update.event === 'edge') {
    const edges = status.edges.map((edge) => (edge.name === update.data.name ? update.data : edge));
    return { ...status, edges };
  }
  if (update.event === 'rollout') return { ...status, rollout: update.data };
  const { panic: _panic, paused: _paused, rollout: _rollout, ...rest } = status;
  return { ...rest, ...update.data };
}
