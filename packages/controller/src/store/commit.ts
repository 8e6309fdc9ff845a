import { LameduckError } from '@lameduck/core';
import type { Store, StoreCompare, StoreOp } from '../ports/store.ts';

/** Most time that one call of the store may take. */
const storeTimeoutMs = 5_000;

export function storeDeadline(): AbortSignal {
  return AbortSignal.timeout(storeTimeoutMs);
}

/**
 * Writes what was decided on the compared revisions; gives the new one, or `undefined` where somebody else was
 * faster. An answer that is lost is not believed: the write is repeated once, and in doubt it is the entry itself that
 * says whether it was ours. So the first of `ops` must be a `put` of a value that nobody else writes. Throws
 * `storeFailed` where nothing was written, and where that cannot be known.
 */
export async function commit(
  store: Store,
  compare: readonly StoreCompare[],
  ops: readonly [StoreOp & { readonly type: 'put' }, ...StoreOp[]],
): Promise<number | undefined> {
  const [proof] = ops;
  let failure: unknown;
  for (let attempt = 0; attempt < 2; attempt += 1) {
    const outcome = await store.txn(compare, ops, storeDeadline()).catch((thrown: unknown) => {
      failure = thrown;
    });
    if (outcome === undefined) continue;
    if (outcome.succeeded) return outcome.revision;
    failure = undefined;
    break;
  }
  const now = await store.get(proof.key, storeDeadline()).catch(unwritable);
  if (now?.value === proof.value) return now.revision;
  return failure === undefined ? undefined : unwritable(failure);
}

function unwritable(thrown: unknown): never {
  const error = LameduckError.from(thrown);
  if (error.code === 'storeFailed') throw error;
  const message = `Cannot write the store: an answer is wanted: current value is: ${error.message}`;
  throw new LameduckError('storeFailed', message, {}, thrown);
}
