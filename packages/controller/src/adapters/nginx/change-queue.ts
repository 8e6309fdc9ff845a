import { LameduckError } from '@lameduck/core';
import type { EdgeProgress, Proof } from '../../ports/edge.ts';

/** One wanted change of one node, and who waits for it. */
export interface Change {
  readonly node: string;
  readonly isOut: boolean;
  readonly onProgress: (progress: EdgeProgress) => void;
  readonly signal: AbortSignal;
  readonly askedAt: number;
  readonly resolve: (proof: Proof) => void;
  readonly reject: (problem: unknown) => void;
}

/**
 * Runs everything on one edge one after the other. Changes that wait together become one batch, so that many
 * cost one reload; a batch never holds two opposite changes of one node.
 */
export interface ChangeQueue {
  change(wanted: Omit<Change, 'resolve' | 'reject' | 'askedAt'>): Promise<Proof>;
  /** Runs alone, after the calls before it. */
  exclusive<Value>(run: () => Promise<Value>): Promise<Value>;
}

/** `apply` settles every change of its batch. */
export function createChangeQueue(
  edge: string,
  apply: (batch: readonly Change[]) => Promise<void>,
): ChangeQueue {
  let tail: Promise<unknown> = Promise.resolve();
  let waiting: Change[] = [];

  function exclusive<Value>(run: () => Promise<Value>): Promise<Value> {
    const done = tail.then(run);
    tail = done.catch(() => undefined);
    return done;
  }

  function takeBatch(): Change[] {
    for (const change of waiting.filter(({ signal }) => signal.aborted)) change.reject(tooLate(edge, change));
    waiting = waiting.filter(({ signal }) => !signal.aborted);
    const wanted = new Map<string, boolean>();
    const clash = waiting.findIndex(({ node, isOut }) => {
      if ((wanted.get(node) ?? isOut) !== isOut) return true;
      wanted.set(node, isOut);
      return false;
    });
    return waiting.splice(0, clash === -1 ? waiting.length : clash);
  }

  async function runBatch(): Promise<void> {
    const batch = takeBatch();
    if (batch.length === 0) return;
    try {
      await apply(batch);
    } catch (thrown) {
      for (const { reject } of batch) reject(thrown);
    }
  }

  return {
    exclusive,
    change: (wanted) =>
      new Promise<Proof>((resolve, reject) => {
        waiting.push({ ...wanted, askedAt: performance.now(), resolve, reject });
        exclusive(runBatch).catch(reject);
      }),
  };
}

function tooLate(edge: string, { node, isOut, signal }: Change): LameduckError {
  const action = isOut ? 'remove' : 'restore';
  const message = `Cannot ${action} node "${node}" on edge "${edge}": its turn must come before the deadline: current value is too late, nothing has changed`;
  return new LameduckError('edgeUnproven', message, { edge, node }, signal.reason);
}
