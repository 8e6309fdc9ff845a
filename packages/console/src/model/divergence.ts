import type { EdgeView } from '@lameduck/core';

/** What an edge has loaded other than it was asked. */
export interface Divergence {
  readonly edge: string;
  /** It still sends to these, though they shall be out. */
  readonly stillIn: readonly string[];
  /** It keeps these out, though they shall be in. */
  readonly stillOut: readonly string[];
  /** Only nodes under an operation differ: the edge is being told just now. */
  readonly isUnderWay: boolean;
}

/**
 * The difference between what was asked of the edge and what its nginx really has; `undefined` where there is none.
 * `isHeld`: whether an operation works on the node.
 */
export function findDivergence(edge: EdgeView, isHeld: (node: string) => boolean): Divergence | undefined {
  const { out, desired } = edge;
  const stillIn = out && desired ? desired.filter((name) => !out.includes(name)) : [];
  const stillOut = out && desired ? out.filter((name) => !desired.includes(name)) : [];
  const differing = [...stillIn, ...stillOut];
  if (edge.isConverged !== false && differing.length === 0) return undefined;
  const isUnderWay = differing.length > 0 && differing.every(isHeld);
  return { edge: edge.name, stillIn, stillOut, isUnderWay };
}

/** One sentence on it. */
export function describeDivergence({ stillIn, stillOut }: Divergence): string {
  const parts = [
    ...(stillIn.length > 0 ? [`still sends to ${stillIn.join(', ')}`] : []),
    ...(stillOut.length > 0 ? [`still keeps ${stillOut.join(', ')} out`] : []),
  ];
  return parts.length === 0 ? 'has not loaded what was asked' : parts.join(' and ');
}
