import type { Logger } from 'pino';
import type { Beat } from '../beat.ts';
import type { EdgeSet } from '../edge-set.ts';
import type { NodeRecord } from '../node-record.ts';
import type { Clock } from '../ports/clock.ts';
import { refreshNode, viewNode } from '../views.ts';
import type { EventSources } from './service-events.ts';

/** What the events of edges and nodes are made of. */
export function createEventSources(
  { clock, beat, logger }: { readonly clock: Clock; readonly beat: Beat; readonly logger: Logger },
  records: readonly NodeRecord[],
  edges: EdgeSet,
): Omit<EventSources, 'status' | 'flags'> {
  return {
    records,
    clock,
    beat,
    logger,
    edges: (signal, maxAgeMs) => edges.views(signal, maxAgeMs),
    refreshNode: (record, signal) => refreshNode(record, edges, signal),
    viewNode: (record) => viewNode(record, clock.now()),
  };
}
