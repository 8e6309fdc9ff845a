import { explainDown, formatAddress, LameduckError, type NodeStatus, type WorkerView } from '@lameduck/core';
import type { EdgeSet } from './edge-set.ts';
import { type NodeRecord, noteState } from './node-record.ts';
import type { Clock } from './ports/clock.ts';
import type { Edge, EdgeStatus } from './ports/edge.ts';

/** What one edge says of itself, by `ask`; an edge that does not answer is `failed`, with its reason. */
export async function edgeStatus(edge: Edge, ask: () => Promise<EdgeStatus>): Promise<EdgeStatus> {
  try {
    return await ask();
  } catch (error) {
    const reason = LameduckError.from(error).message;
    return { name: edge.name, mode: edge.mode, state: 'failed', server: 'unknown', out: [], reason };
  }
}

/** One node as `status` shows it, with its workers and what its edges have under way to it, asked anew. */
export async function nodeStatus(
  record: NodeRecord,
  edges: EdgeSet,
  clock: Clock,
  signal: AbortSignal,
): Promise<NodeStatus> {
  await refreshNode(record, edges, signal);
  return viewNode(record, clock.now());
}

/** Asks the edges and the processes of a node for what its record does not know by itself. Never rejects. */
export async function refreshNode(record: NodeRecord, edges: EdgeSet, signal: AbortSignal): Promise<void> {
  const { runner, process } = record;
  record.inFlight = await readInFlight(record, edges, signal).catch(() => record.inFlight);
  const workers = process === undefined ? [] : await runner.workers(process).catch(() => []);
  const arbiter = process === undefined ? undefined : await runner.arbiter?.(process);
  const details = { workers, ...connectionsOf(workers), ...(arbiter === undefined ? {} : { arbiter }) };
  if (JSON.stringify(details) !== JSON.stringify(record.details)) record.details = details;
}

/** In an operation it falls while people look: an answer of a moment ago would let it rise again. */
async function readInFlight(
  { config, operation }: NodeRecord,
  edges: EdgeSet,
  signal: AbortSignal,
): Promise<number> {
  if (operation !== undefined) return await edges.inFlight(config.name, signal);
  return await edges.shownInFlight(config.name, signal);
}

/** One node as its record stands. */
export function viewNode(record: NodeRecord, now: number): NodeStatus {
  const { config, operation } = record;
  noteState(record, now);
  const { state } = record.shown;
  // what went wrong once is no news of a node that is well
  const reason = state === 'ready' ? undefined : (record.reason ?? explainDown(record.health, now));
  return {
    name: config.name,
    kind: config.kind,
    address: formatAddress(config.address),
    state,
    stateMs: Math.round(now - record.shown.since),
    inRotation: record.out.size === 0,
    inFlight: record.inFlight,
    health: record.health.verdict,
    ...(record.health.last === undefined ? {} : { lastCheck: record.health.last.detail }),
    ...(reason === undefined ? {} : { reason }),
    ...healthChange(record, now),
    ...(record.process === undefined ? {} : { pid: record.process.pid }),
    ...(record.process === undefined ? { workers: [] } : (record.details ?? { workers: [] })),
    weight: record.weight,
    ...(record.weight === config.weight ? {} : { configuredWeight: config.weight }),
    ...(operation === undefined
      ? {}
      : {
          operation: {
            kind: operation.kind,
            phase: operation.phase,
            ms: Math.round(now - operation.beganAt),
            ...(operation.by === undefined ? {} : { by: operation.by }),
          },
        }),
  };
}

/** Of all workers together, where they tell. */
function connectionsOf(workers: readonly WorkerView[]): Pick<NodeStatus, 'connections'> {
  const told = workers.flatMap(({ open }) => (open === undefined ? [] : [open]));
  return told.length === 0 ? {} : { connections: told.reduce((sum, open) => sum + open, 0) };
}

function healthChange({ health }: NodeRecord, now: number): Pick<NodeStatus, 'healthChange'> {
  if (health.change === undefined) return {};
  const { from, to, reason, atMs } = health.change;
  return { healthChange: { from, to, reason, ms: Math.round(now - atMs) } };
}
