import { LameduckError } from '@lameduck/core';
import type { Edge, EdgeProgress, Proof } from './ports/edge.ts';

export type OnEdgeProgress = (edge: string, progress: EdgeProgress) => void;

/** All edges of the service as one: a node is out only when every edge has proved it. */
export interface EdgeSet {
  readonly edges: readonly Edge[];
  /**
   * Where one edge fails, the others are put back before this rejects: nothing has changed then, or `isPartlyOut`. A
   * node that was out before stays out.
   */
  remove(
    node: string,
    onProgress: OnEdgeProgress,
    signal: AbortSignal,
    wasOut?: boolean,
  ): Promise<readonly Proof[]>;
  restore(node: string, onProgress: OnEdgeProgress, signal: AbortSignal): Promise<readonly Proof[]>;
  inFlight(node: string, signal: AbortSignal): Promise<number>;
  /** WebSockets and event streams that the node itself is to close. */
  sessions(node: string, signal: AbortSignal): Promise<number>;
}

export function createEdgeSet(edges: readonly Edge[]): EdgeSet {
  return {
    edges,
    async remove(node, onProgress, signal, wasOut = false) {
      const outcomes = await Promise.allSettled(
        edges.map((edge) => edge.remove(node, (progress) => onProgress(edge.name, progress), signal)),
      );
      const failure = outcomes.find((outcome) => outcome.status === 'rejected');
      if (failure === undefined) return proofs(outcomes);
      const removed = edges.filter((_, index) => !wasOut && outcomes[index]?.status === 'fulfilled');
      const restored = await Promise.allSettled(removed.map((edge) => edge.restore(node, () => {}, signal)));
      const error = LameduckError.from(failure.reason);
      throw restored.every(({ status }) => status === 'fulfilled') ? error : partlyOut(error);
    },
    restore: (node, onProgress, signal) =>
      Promise.all(
        edges.map((edge) => edge.restore(node, (progress) => onProgress(edge.name, progress), signal)),
      ),
    async inFlight(node, signal) {
      const counts = await Promise.all(edges.map((edge) => edge.inFlight(node, signal)));
      return counts.reduce((sum, count) => sum + count, 0);
    },
    async sessions(node, signal) {
      const counts = await Promise.all(edges.map((edge) => edge.sessions?.(node, signal) ?? 0));
      return counts.reduce((sum, count) => sum + count, 0);
    },
  };
}

function partlyOut({ code, message, details }: LameduckError): LameduckError {
  return new LameduckError(code, `${message}; not every other edge could take it back yet`, {
    ...details,
    isPartlyOut: true,
  });
}

/** Whether a removal that failed has left the node out on some edge: it must be restored until that succeeds. */
export function isPartlyOut(thrown: unknown): boolean {
  return LameduckError.from(thrown).details['isPartlyOut'] === true;
}

function proofs(outcomes: readonly PromiseSettledResult<Proof>[]): readonly Proof[] {
  return outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
}
