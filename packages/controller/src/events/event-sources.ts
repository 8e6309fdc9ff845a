import type { Logger } from 'pino';
import type { EdgeSet } from '../edge-set.ts';
import type { NodeRecord } from '../node-record.ts';
import type { Clock } from '../ports/clock.ts';
import { refreshNode, viewNode } from '../views.ts';
import type { EventSources } from './service-events.ts';

/** Most time that an edge or a node may take to say how it is. */
const askTimeoutMs = 2000;

/** What the events of edges and nodes are made of. */
export function createEventSources(
  { clock, logger }: { readonly clock: Clock; readonly logger: Logger },
  records: readonly NodeRecord[],
  edges: EdgeSet,
): Omit<EventSources, 'status' | 'flags'> {
  return {
    records,
    clock,
    logger,
    edges: () => edges.views(AbortSignal.timeout(askTimeoutMs)),
    refreshNode: (record) => refreshNode(record, edges, AbortSignal.timeout(askTimeoutMs)),
    viewNode: (record) => viewNode(record, clock.now()),
  };
}
