import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { LameduckError } from '@lameduck/core';
import type { Lease, Store, StoreChange } from '../src/ports/store.ts';

/** One empty store under test. */
export interface StoreUnderTest {
  readonly store: Store;
  /** Ends everything that `make` began. */
  dispose(): Promise<void>;
}

const soon = (): AbortSignal => AbortSignal.timeout(10_000);
const shortTtlMs = 60;
const longTtlMs = 60_000;

const hasFailed = (thrown: unknown): boolean =>
  thrown instanceof LameduckError && thrown.code === 'storeFailed';

async function put(store: Store, key: string, value: string, lease?: Lease): Promise<number> {
  const op = { type: 'put', key, value, ...(lease === undefined ? {} : { lease: lease.id }) } as const;
  const { succeeded, revision } = await store.txn([], [op], soon());
  assert.equal(succeeded, true);
  return revision;
}

async function valueAt(store: Store, key: string): Promise<string | undefined> {
  return (await store.get(key, soon()))?.value;
}

async function keysOf(store: Store, prefix: string, options = {}): Promise<string[]> {
  return (await store.list(prefix, options, soon())).entries.map(({ key }) => key);
}

/** The next `count` changes. */
async function collect(changes: AsyncIterable<StoreChange>, count: number): Promise<StoreChange[]> {
  const seen: StoreChange[] = [];
  for await (const change of changes) if (seen.push(change) === count) break;
  return seen;
}

async function ended(lease: Lease): Promise<void> {
  if (lease.ended.aborted) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  lease.ended.addEventListener('abort', () => resolve(), { once: true });
  await promise;
}

/** What every adapter of the port `Store` keeps, and the fake too. */
export function describeStore(title: string, make: () => Promise<StoreUnderTest>): void {
  describe(title, () => {
    let subject: StoreUnderTest;
    let store: Store;
    before(async () => {
      subject = await make();
      store = subject.store;
    });
    after(async () => await subject.dispose());

    it('has no entry that was not put', async () => {
      assert.equal(await store.get('none', soon()), undefined);
      assert.deepEqual((await store.list('none', {}, soon())).entries, []);
    });

    it('gives what was put, with the revision of the transaction', async () => {
      const revision = await put(store, 'one', 'a "quoted" ü value');
      assert.deepEqual(await store.get('one', soon()), { key: 'one', value: 'a "quoted" ü value', revision });
    });

    it('puts and deletes of one transaction come at once, under one revision', async () => {
      await put(store, 'both/old', 'x');
      const ops = [
        { type: 'put', key: 'both/a', value: '1' },
        { type: 'put', key: 'both/b', value: '2' },
        { type: 'delete', key: 'both/old' },
      ] as const;
      const { revision } = await store.txn([], ops, soon());
      const { entries, revision: now } = await store.list('both/', {}, soon());
      assert.deepEqual(
        entries.map((entry) => [entry.key, entry.revision]),
        [
          ['both/a', revision],
          ['both/b', revision],
        ],
      );
      assert.equal(now, revision);
    });

    it('writes nothing where one comparison fails', async () => {
      const fence = await put(store, 'fence', '1');
      const compare = [
        { key: 'fence', revision: fence },
        { key: 'other', revision: 7 },
      ];
      const outcome = await store.txn(compare, [{ type: 'put', key: 'fence', value: '2' }], soon());
      assert.deepEqual(outcome, { succeeded: false, revision: fence });
      assert.equal(await valueAt(store, 'fence'), '1');
    });

    it('revision 0 wants that there is no entry', async () => {
      const create = () =>
        store.txn([{ key: 'lock', revision: 0 }], [{ type: 'put', key: 'lock', value: 'mine' }], soon());
      assert.equal((await create()).succeeded, true);
      assert.equal((await create()).succeeded, false);
      await store.txn([], [{ type: 'delete', key: 'lock' }], soon());
      assert.equal((await create()).succeeded, true);
    });

    it('an entry that was deleted and put again is not the one that was read', async () => {
      const read = await put(store, 'again', 'same');
      await store.txn([], [{ type: 'delete', key: 'again' }], soon());
      const now = await put(store, 'again', 'same');
      assert.ok(now > read);
      const late = await store.txn(
        [{ key: 'again', revision: read }],
        [{ type: 'delete', key: 'again' }],
        soon(),
      );
      assert.equal(late.succeeded, false);
    });

    it('of writes that were decided on the same revision exactly one succeeds', async () => {
      const revision = await put(store, 'race', 'start');
      const outcomes = await Promise.all(
        ['a', 'b', 'c'].map((value) =>
          store.txn([{ key: 'race', revision }], [{ type: 'put', key: 'race', value }], soon()),
        ),
      );
      assert.equal(outcomes.filter(({ succeeded }) => succeeded).length, 1);
    });

    it('transactions that come together have each their own comparison and revision', async () => {
      const fence = await put(store, 'together/fence', '1');
      const outcomes = await Promise.all(
        Array.from({ length: 50 }, (_, index) => {
          const compare = index % 2 === 0 ? [] : [{ key: 'together/fence', revision: fence + 1000 }];
          const key = `together/${String(index).padStart(2, '0')}`;
          return store.txn(compare, [{ type: 'put', key, value: 'x' }], soon());
        }),
      );
      const written = outcomes.filter(({ succeeded }) => succeeded).map(({ revision }) => revision);
      assert.deepEqual([written.length, new Set(written).size], [25, 25]);
      assert.equal((await keysOf(store, 'together/')).length, 26);
    });

    it('lists a prefix in the order of its keys, either way, and not more than asked for', async () => {
      for (const key of ['list/2', 'list/1', 'list/3', 'lisu', 'lis']) await put(store, key, key);
      assert.deepEqual(await keysOf(store, 'list/'), ['list/1', 'list/2', 'list/3']);
      assert.deepEqual(await keysOf(store, 'list/', { order: 'descending', limit: 2 }), ['list/3', 'list/2']);
    });

    it('a watch from the revision after a list misses nothing, in order, and only its prefix', async () => {
      await put(store, 'watch/a', '0');
      const { revision } = await store.list('watch/', {}, soon());
      const first = await put(store, 'watch/a', '1');
      await put(store, 'elsewhere', 'x');
      const seen = collect(store.watch('watch/', revision + 1, soon()), 3);
      const ops = [
        { type: 'delete', key: 'watch/a' },
        { type: 'put', key: 'watch/b', value: '2' },
      ] as const;
      const second = (await store.txn([], ops, soon())).revision;
      assert.deepEqual(await seen, [
        { type: 'put', entry: { key: 'watch/a', value: '1', revision: first } },
        { type: 'delete', key: 'watch/a', revision: second },
        { type: 'put', entry: { key: 'watch/b', value: '2', revision: second } },
      ]);
    });

    it('a watch ends when its signal aborts', async () => {
      const stopped = new AbortController();
      const { revision } = await store.list('', {}, soon());
      const seen = collect(store.watch('nothing/', revision + 1, stopped.signal), 1);
      stopped.abort();
      assert.deepEqual(await seen, []);
    });

    it('what was put under a lease goes when its time is over, and its holder is told', async () => {
      const { revision } = await store.list('', {}, soon());
      const lease = await store.lease(shortTtlMs, soon());
      await put(store, 'leased/a', 'x', lease);
      await put(store, 'leased/b', 'y');
      const changes = collect(store.watch('leased/a', revision + 1, soon()), 2);
      await ended(lease);
      assert.equal((await changes).at(-1)?.type, 'delete');
      assert.deepEqual(await keysOf(store, 'leased/'), ['leased/b']);
      await assert.rejects(lease.renew(soon()), hasFailed);
      await assert.rejects(put(store, 'leased/c', 'z', lease), hasFailed);
    });

    it('a lease that is renewed outlives its first time, and goes at once when it is revoked', async () => {
      const lease = await store.lease(longTtlMs, soon());
      await put(store, 'renewed', 'x', lease);
      await lease.renew(soon());
      assert.equal(await valueAt(store, 'renewed'), 'x');
      await lease.revoke(soon());
      assert.equal(await valueAt(store, 'renewed'), undefined);
      assert.equal(lease.ended.aborted, true);
      await lease.revoke(soon());
    });

    it('a call whose signal has aborted changes nothing', async () => {
      const late = store.txn([], [{ type: 'put', key: 'late', value: 'x' }], AbortSignal.abort());
      await assert.rejects(late);
      assert.equal(await valueAt(store, 'late'), undefined);
    });

    it('close may be called twice, ends watches, and a call after it rejects', async () => {
      const { revision } = await store.list('', {}, soon());
      const seen = collect(store.watch('', revision + 1, soon()), 1);
      await store.close();
      await store.close();
      assert.deepEqual(await seen, []);
      await assert.rejects(store.get('one', soon()), hasFailed);
    });
  });
}
