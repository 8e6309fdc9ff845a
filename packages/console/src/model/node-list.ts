import type { NodeState } from '@lameduck/core';
import type { NodeView } from './state.ts';

export type NodeOrder = 'configured' | 'attention' | 'inFlight' | 'age';

export interface NodeQuery {
  readonly search: string;
  readonly state: NodeState | undefined;
  readonly order: NodeOrder;
}

const urgency: Readonly<Record<NodeState, number>> = {
  unhealthy: 0,
  draining: 1,
  starting: 2,
  stopped: 3,
  drained: 4,
  ready: 5,
};

/** The nodes that match every word of the search, in the order that was asked for. */
export function selectNodes(nodes: Iterable<NodeView>, query: NodeQuery): readonly NodeView[] {
  const words = query.search.toLowerCase().split(/\s+/).filter(Boolean);
  const found = [...nodes].filter(
    ({ status }) =>
      (query.state === undefined || status.state === query.state) &&
      words.every((word) => textOf(status).includes(word)),
  );
  return query.order === 'configured' ? found : found.sort(comparisons[query.order]);
}

const comparisons: Readonly<Record<Exclude<NodeOrder, 'configured'>, (a: NodeView, b: NodeView) => number>> =
  {
    attention: (a, b) => urgency[a.status.state] - urgency[b.status.state],
    inFlight: (a, b) => b.status.inFlight - a.status.inFlight,
    age: (a, b) => b.sinceMs - a.sinceMs,
  };

function textOf({ name, address, kind, state, reason, lastCheck, version }: NodeView['status']): string {
  return [name, address, kind, state, reason, lastCheck, version].join(' ').toLowerCase();
}

/** Which rows of a long list are on the screen, with a few more on both sides. */
export function visibleRows(
  offsetPx: number,
  heightPx: number,
  rowPx: number,
  count: number,
  overscan = 6,
): { readonly from: number; readonly to: number } {
  const from = Math.max(0, Math.min(count, Math.floor(offsetPx / rowPx) - overscan));
  const to = Math.max(from, Math.min(count, Math.ceil((offsetPx + heightPx) / rowPx) + overscan));
  return { from, to };
}
