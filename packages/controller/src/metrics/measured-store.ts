import type { Clock } from '../ports/clock.ts';
import type { Store } from '../ports/store.ts';
import type { StoreCall, Tally } from './tally.ts';

/** The same store; the tally has how long its calls took. */
export function measuredStore(store: Store, tally: Tally, clock: Clock): Store {
  const measure = async <T>(call: StoreCall, work: () => Promise<T>): Promise<T> => {
    const counted = tally.store[call];
    const beganAt = clock.now();
    try {
      return await work();
    } catch (thrown) {
      counted.failures += 1;
      throw thrown;
    } finally {
      counted.duration.observe((clock.now() - beganAt) / 1000);
    }
  };
  return {
    get: (key, signal) => measure('get', () => store.get(key, signal)),
    list: (prefix, options, signal) => measure('list', () => store.list(prefix, options, signal)),
    txn: (compare, ops, signal) => measure('txn', () => store.txn(compare, ops, signal)),
    watch: (prefix, fromRevision, signal) => store.watch(prefix, fromRevision, signal),
    lease: (ttlMs, signal) => store.lease(ttlMs, signal),
    close: () => store.close(),
  };
}
