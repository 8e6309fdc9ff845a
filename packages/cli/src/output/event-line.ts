import { stripVTControlCharacters } from 'node:util';
import type { EventUpdate } from '@lameduck/client';
import {
  type EdgeView,
  formatMs,
  type NodeStatus,
  type OperationEventData,
  type RolloutStatus,
  type ServiceFlags,
  type ServiceStatus,
} from '@lameduck/core';
import { counted } from './counted.ts';

/** One event as a line for people; nothing for those that come all the time. */
export function describeEvent(update: EventUpdate): string | undefined {
  const text = describe(update);
  return text === undefined ? undefined : oneLine(text);
}

/** The same, without what has not changed for who reads: a node whose memory has grown, say. */
export function describeNews(): typeof describeEvent {
  const told = new Map<string, string>();
  const tell = (key: string, line: string): boolean => {
    const isNews = told.get(key) !== line;
    told.set(key, line);
    return isNews;
  };
  return (update) => {
    const line = describeEvent(update);
    if (update.event === 'status') {
      for (const node of update.data.nodes) told.set(`node ${node.name}`, oneLine(describeNode(node)));
      for (const edge of update.data.edges) told.set(`edge ${edge.name}`, oneLine(describeEdge(edge)));
      told.set('service', oneLine(describeService(update.data)));
      if (update.data.rollout !== undefined)
        told.set('rollout', oneLine(describeRollout(update.data.rollout)));
    }
    // one line for a controller that is away, however often it is tried
    if (update.event === 'connected') told.delete('connection');
    if (update.event === 'disconnected') return tell('connection', update.reason) ? line : undefined;
    const key = line === undefined ? undefined : newsKey(update);
    return key === undefined || tell(key, line ?? '') ? line : undefined;
  };
}

/** Whose line it is, where the same one again is no news. */
function newsKey(update: EventUpdate): string | undefined {
  if (update.event === 'service' || update.event === 'rollout') return update.event;
  return update.event === 'node' || update.event === 'edge'
    ? `${update.event} ${update.data.name}`
    : undefined;
}

/** What others have written, without what could move the cursor or end the line. */
export function oneLine(text: string): string {
  return stripVTControlCharacters(text).replace(/\p{Cc}+/gu, ' ');
}

function describe(update: EventUpdate): string | undefined {
  switch (update.event) {
    case 'connected':
      return undefined;
    case 'disconnected':
      return `${update.reason}: trying again in ${formatMs(update.retryMs)}`;
    case 'status':
      return describeStatus(update.data);
    case 'node':
      return describeNode(update.data);
    case 'edge':
      return describeEdge(update.data);
    case 'service':
      return describeService(update.data);
    case 'operation':
      return describeOperation(update.data);
    case 'rollout':
      return describeRollout(update.data);
    case 'audit': {
      const { who, from, action, subject, result, reason } = update.data;
      return `${who} from ${from}: ${action} ${subject}: ${result}${reason === undefined ? '' : ` (${reason})`}`;
    }
    case 'traffic':
    case 'checks':
      return undefined;
  }
}

function describeStatus({ service, nodes, edges }: ServiceStatus): string {
  return `service ${service}: ${counted(nodes.length, 'node')}, ${counted(edges.length, 'edge')}`;
}

function describeNode({ name, state, inRotation, reason, operation }: NodeStatus): string {
  const doing = operation === undefined ? '' : ` (${operation.kind}: ${operation.phase})`;
  return `${name} ${state}${doing}, ${inRotation ? 'in' : 'out of'} rotation${reason === undefined ? '' : `: ${reason}`}`;
}

function describeEdge({ name, state, out = [], isConverged, reason }: EdgeView): string {
  const outs = out.length === 0 ? 'nobody out' : `out: ${out.join(', ')}`;
  const differs = isConverged === false ? ', not what is wanted' : '';
  return `edge ${name} ${state}, ${outs}${differs}${reason === undefined ? '' : `: ${reason}`}`;
}

/** Without the rollout: that has events of its own. */
function describeService({ paused, panic }: ServiceFlags): string {
  if (panic !== undefined) return `panic: ${panic.down} of ${panic.of} nodes are down, all are sent to`;
  if (paused !== undefined)
    return `requests are held at the edges${paused.by === undefined ? '' : ` by ${paused.by}`}`;
  return 'nothing is held, no panic';
}

function describeRollout({ id, state, done, running, pending, reason }: RolloutStatus): string {
  const counts = `${done.length} done, ${running.length} running, ${pending.length} to come`;
  return `rollout ${id} ${state}: ${counts}${reason === undefined ? '' : `: ${reason}`}`;
}

function describeOperation(data: OperationEventData): string | undefined {
  const head = `${data.node} ${data.operation}`;
  switch (data.type) {
    case 'began':
      return `${head} began`;
    case 'ended': {
      const { result, ms, reason, inFlight, lost } = data.report;
      const why = reason === undefined ? '' : `: ${reason}`;
      return `${head} ended: ${result} after ${formatMs(ms)}, ${inFlight} in flight, ${lost} lost${why}`;
    }
    case 'phase':
      return `${head}: ${data.phase}`;
    case 'phaseEnded':
      return `${head}: ${data.phase} took ${formatMs(data.ms)}`;
    case 'waiting':
      return `${head} waits: ${data.reason}`;
    case 'inFlight':
      return `${head}: ${data.count} in flight`;
    case 'edge':
      return `${head}: edge ${data.edge} ${data.state}${data.processes === undefined ? '' : ` (${data.processes} old processes)`}`;
    case 'nodeReport':
    case 'rollout':
      return undefined;
  }
}
