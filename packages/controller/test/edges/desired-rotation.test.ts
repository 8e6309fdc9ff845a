import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { pino } from 'pino';
import { createFakeStore } from '../../src/adapters/fake/store.ts';
import { systemClock } from '../../src/adapters/system/clock.ts';
import { DesiredRotation } from '../../src/edges/desired-rotation.ts';

describe('desired rotation that the store did not take', () => {
  it('is written again in its turn: never over a later order', async () => {
    const retries: (() => void)[] = [];
    const clock = {
      ...systemClock,
      schedule: (_ms: number, callback: () => void) => {
        retries.push(callback);
        return () => {};
      },
    };
    const store = createFakeStore(systemClock);
    const signal = new AbortController().signal;
    const desired = new DesiredRotation(['a'], { store, clock, logger: pino({ level: 'silent' }), signal });
    await desired.adopt([]);
    store.fill(true);
    await desired.want('a', false);
    assert.deepEqual([desired.order('a').unwritten, retries.length], [1, 1]);
    store.delay(20);
    const former = desired.want('a', false);
    retries[0]?.();
    const later = desired.want('a', true);
    await former;
    store.fill(false);
    await later;
    // whatever the retry does, it has done by then
    for (let turn = 0; turn < 3; turn += 1) await new Promise((resolve) => setTimeout(resolve, 30));
    assert.deepEqual([desired.order('a').isOut, desired.order('a').unwritten], [true, 0]);
    assert.match(store.contents().get('desired/rotation/a') ?? '', /"isOut":true/);
  });
});
