import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { AuditEntry } from '@lameduck/core';
import { LameduckError } from '@lameduck/core';
import { pino } from 'pino';
import { createFakeStore } from '../../src/adapters/fake/store.ts';
import { systemClock } from '../../src/adapters/system/clock.ts';
import type { Store } from '../../src/ports/store.ts';
import { type AuditDraft, type AuditLog, createAuditLog } from '../../src/store/audit-log.ts';

const act: AuditDraft = {
  who: 'ops',
  role: 'operator',
  from: '::1',
  action: 'drain',
  subject: 'a',
  result: 'accepted',
};
const knock: AuditDraft = { ...act, who: 'anonymous', role: 'none', result: 'refused' };
const logger = pino({ level: 'silent' });

function open(store: Store, told: AuditEntry[] = []): AuditLog {
  return createAuditLog({ store, clock: systemClock, logger, onEntry: (entry) => told.push(entry) });
}

describe('the audit log', () => {
  it('keeps what was done with its result, tells each, and goes on counting after a restart', async () => {
    const store = createFakeStore(systemClock);
    const told: AuditEntry[] = [];
    const log = open(store, told);
    const entries = await Promise.all([log.add(act), log.add({ ...act, subject: 'b' })]);
    await log.end(entries[0] as AuditEntry, 'failed', 'because');
    await open(store).add({ ...act, subject: 'c' });
    const found = await open(store).find({ limit: 10 });
    assert.deepEqual(
      found.map(({ id, subject, result }) => [id, subject, result]),
      [
        [3, 'c', 'accepted'],
        [2, 'b', 'accepted'],
        [1, 'a', 'failed'],
      ],
    );
    assert.deepEqual(
      told.map(({ id, result }) => [id, result]),
      [
        [1, 'accepted'],
        [2, 'accepted'],
        [1, 'failed'],
      ],
    );
    assert.deepEqual(
      (await log.find({ limit: 1, before: 3 })).map(({ id }) => id),
      [2],
    );
    assert.deepEqual(
      (await log.find({ limit: 9, search: 'BECAUSE' })).map(({ id }) => id),
      [1],
    );
  });

  it('is bounded, and nobody without a token can push out what others did', async () => {
    const store = createFakeStore(systemClock);
    const log = open(store);
    await log.add(act);
    for (let count = 0; count < 1_200; count += 1) await log.add(knock);
    const reopened = open(store);
    await reopened.add(knock);
    const found = await reopened.find({ limit: 5_000, search: 'drain' });
    assert.equal(found.length, 1_001);
    assert.deepEqual([found.at(-1)?.id, found.at(-1)?.who], [1, 'ops']);
    assert.equal(found[0]?.id, 1_202);
  });

  it('overwrites nothing that it could not read', async () => {
    const store = createFakeStore(systemClock);
    await open(store).add(act);
    let isBroken = true;
    const list: Store['list'] = (...asked) =>
      isBroken ? Promise.reject(new LameduckError('storeFailed', 'locked')) : store.list(...asked);
    const log = open({ ...store, list, txn: (...asked) => store.txn(...asked) });
    await log.add({ ...act, subject: 'b' });
    isBroken = false;
    await log.add({ ...act, subject: 'c' });
    const found = await open(store).find({ limit: 10 });
    assert.deepEqual(
      found.map(({ id, subject }) => [id, subject]),
      [
        [2, 'c'],
        [1, 'a'],
      ],
    );
  });

  it('stops nobody where the store takes nothing', async () => {
    const store: Store = {
      ...createFakeStore(systemClock),
      list: () => Promise.reject(new LameduckError('storeFailed', 'full')),
      txn: () => Promise.reject(new LameduckError('storeFailed', 'full')),
    };
    const told: AuditEntry[] = [];
    const entry = await open(store, told).add(act);
    assert.equal(entry.who, 'ops');
    assert.equal(told.length, 1);
  });
});
