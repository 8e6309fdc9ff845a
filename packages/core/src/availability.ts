/** One node as the guard sees it. */
export interface NodeAvailability {
  readonly name: string;
  /** The edges send to it, or will in a moment. */
  readonly isInRotation: boolean;
  /** Its checks have risen and not fallen. */
  readonly isHealthy: boolean;
}

/** Nodes that serve: in rotation and healthy. */
export function countServing(nodes: readonly NodeAvailability[]): number {
  return nodes.filter((node) => node.isInRotation && node.isHealthy).length;
}

/**
 * Whether our own action may take these nodes out. A node that is out already costs nothing. Where health says
 * that all is down, the last node in rotation is still refused: it may be the checks that are wrong.
 */
export function guardRemoval(
  nodes: readonly NodeAvailability[],
  names: readonly string[],
  minAvailable: number,
): { readonly allowed: true } | { readonly allowed: false; readonly reason: string } {
  const costs = nodes.some((node) => names.includes(node.name) && node.isInRotation);
  if (!costs) return { allowed: true };
  const left = countServing(nodes.filter((node) => !names.includes(node.name)));
  if (left >= minAvailable) return { allowed: true };
  const whom = names.map((name) => `"${name}"`).join(' and ');
  const healthy = left === 1 ? '1 healthy node' : `${left} healthy nodes`;
  return {
    allowed: false,
    reason: `Cannot take node ${whom} out of rotation: at least ${minAvailable} must stay: ${healthy} would be left`,
  };
}

/** Failing nodes may be isolated only while a node in rotation is not failing: never empty the pool. */
export function mayIsolate(nodes: readonly NodeAvailability[]): boolean {
  return countServing(nodes) >= 1;
}

/** One node as the panic threshold sees it: only nodes that nobody has taken out on purpose count. */
export interface NodeOpinion {
  readonly isWanted: boolean;
  readonly isDown: boolean;
}

export interface Panic {
  readonly down: number;
  readonly of: number;
}

/**
 * Whether health says too many are down at once to be believed, or for the rest to bear: then all of them are sent to
 * again (like Envoy's panic threshold). Without a threshold there is never panic; the last node alone is kept.
 */
export function findPanic(nodes: readonly NodeOpinion[], percent: number | undefined): Panic | undefined {
  if (percent === undefined) return undefined;
  const wanted = nodes.filter((node) => node.isWanted);
  const down = wanted.filter((node) => node.isDown).length;
  const isPanic = down > 0 && (wanted.length - down) * 100 < wanted.length * percent;
  return isPanic ? { down, of: wanted.length } : undefined;
}
