import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createFakeStore, type FakeStore } from '../../src/adapters/fake/store.ts';
import { systemClock } from '../../src/adapters/system/clock.ts';
import { describeStore } from '../store-contract.ts';

const soon = (): AbortSignal => AbortSignal.timeout(5_000);
const write = (store: FakeStore, value: string) => store.txn([], [{ type: 'put', key: 'a', value }], soon());

describeStore('the fake store', async () => {
  const store = createFakeStore(systemClock);
  return { store, dispose: () => store.close() };
});

describe('the faults of the fake store', () => {
  it('a write that fails changes nothing, one whose answer is lost changes all', async () => {
    const store = createFakeStore(systemClock);
    store.failWrites('notWritten', 'answerLost');
    await assert.rejects(write(store, '1'), { code: 'storeFailed' });
    assert.equal(await store.get('a', soon()), undefined);
    await assert.rejects(write(store, '2'), { code: 'storeFailed' });
    assert.equal((await store.get('a', soon()))?.value, '2');
    assert.equal((await write(store, '3')).succeeded, true);
  });

  it('a full store takes no write and can be read', async () => {
    const store = createFakeStore(systemClock);
    await write(store, '1');
    store.fill(true);
    await assert.rejects(write(store, '2'), /room on the disk/);
    assert.equal((await store.get('a', soon()))?.value, '1');
    store.fill(false);
    await write(store, '2');
  });

  it('latency holds a call beyond its deadline', async () => {
    const store = createFakeStore(systemClock);
    store.delay(50);
    await assert.rejects(store.get('a', AbortSignal.timeout(10)), { name: 'TimeoutError' });
  });

  it('leases that the store has lost end for their holders', async () => {
    const store = createFakeStore(systemClock);
    const lease = await store.lease(60_000, soon());
    await store.txn([], [{ type: 'put', key: 'a', value: '1', lease: lease.id }], soon());
    store.expireLeases();
    assert.equal(lease.ended.aborted, true);
    assert.equal(await store.get('a', soon()), undefined);
  });
});
