import { LameduckError } from '@lameduck/core';
import type { Logger } from 'pino';
import type { Clock } from '../ports/clock.ts';
import type { Store, StoreChange } from '../ports/store.ts';
import { storeDeadline } from './commit.ts';

/** How long after a watch has failed the entries are listed again. */
const againMs = 1_000;

export interface FollowParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Aborts when nobody wants to know any more. */
  readonly signal: AbortSignal;
}

/**
 * Tells every entry of a prefix as it is, and then each change in order. Resolves when all that there is has been told;
 * rejects with `storeFailed` where that cannot be read. A watch that fails later begins again with what there is then.
 */
export async function follow(
  parts: FollowParts,
  prefix: string,
  onChange: (change: StoreChange) => void,
): Promise<void> {
  const revision = await listAll(parts.store, prefix, onChange);
  void watchOn(parts, prefix, onChange, revision);
}

async function listAll(
  store: Store,
  prefix: string,
  onChange: (change: StoreChange) => void,
): Promise<number> {
  const { revision, entries } = await store.list(prefix, {}, storeDeadline());
  for (const entry of entries) onChange({ type: 'put', entry });
  return revision;
}

async function watchOn(
  { store, clock, logger, signal }: FollowParts,
  prefix: string,
  onChange: (change: StoreChange) => void,
  listed: number,
): Promise<void> {
  for (let revision: number | undefined = listed; !signal.aborted; ) {
    try {
      revision ??= await listAll(store, prefix, onChange);
      for await (const change of store.watch(prefix, revision + 1, signal)) onChange(change);
      // the store was closed
      return;
    } catch (thrown) {
      revision = undefined;
      if (signal.aborted) return;
      logger.error({ prefix, reason: LameduckError.from(thrown).message }, 'store not watched');
      await new Promise<void>((resolve) => clock.schedule(againMs, resolve));
    }
  }
}
