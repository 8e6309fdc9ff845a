import type { EdgeProgress, Proof } from '../../ports/edge.ts';
import type { Change } from './change-queue.ts';

/** The nodes that are out after these changes. */
export function outAfter(
  out: readonly string[],
  batch: readonly { readonly node: string; readonly isOut: boolean }[],
): string[] {
  const after = new Set(out);
  for (const { node, isOut } of batch) {
    if (isOut) after.add(node);
    else after.delete(node);
  }
  return [...after];
}

/** Tells everybody who waits for one of these changes. */
export function reportTo(batch: readonly Change[]): (progress: EdgeProgress) => void {
  return (progress) => {
    for (const { onProgress } of batch) onProgress(progress);
  };
}

/** How the removals of a batch come to their end. */
export interface Removals {
  /** The nodes that were out before the batch. */
  readonly former: readonly string[];
  /** Resolves once none of these nodes can be picked any more; rejects when the signal aborts. */
  readonly prove: (removals: readonly Change[], signal: AbortSignal) => Promise<void>;
  /** Puts nodes back into rotation; all others stay as they are. */
  readonly putBack: (nodes: readonly string[]) => Promise<unknown>;
  readonly proofOf: (change: Change) => Proof;
  readonly deadline: AbortSignal;
}

/**
 * Settles each removal of a batch that is applied: proved, or taken back and rejected. One that is given up while it
 * waits is taken back alone; the others wait on.
 */
export async function settleRemovals(
  batch: readonly Change[],
  { former, prove, putBack, proofOf, deadline }: Removals,
): Promise<void> {
  let left = batch.filter(({ isOut }) => isOut);
  while (left.length > 0) {
    try {
      await prove(left, AbortSignal.any([deadline, ...left.map(({ signal }) => signal)]));
      for (const change of left) change.resolve(proofOf(change));
      return;
    } catch (thrown) {
      const givenUp = deadline.aborted ? [] : left.filter(({ signal }) => signal.aborted);
      const failed = givenUp.length === 0 ? left : givenUp;
      const nodes = failed.map(({ node }) => node).filter((node) => !former.includes(node));
      const reason: unknown = await putBack(nodes).then(
        () => thrown,
        (problem: unknown) => problem,
      );
      for (const { reject } of failed) reject(reason);
      left = left.filter((change) => !failed.includes(change));
    }
  }
}
