import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Beat, beatMs } from '../src/beat.ts';
import { createFakeClock } from './support/fake-clock.ts';

describe('the beat', () => {
  it('does what joined at its own multiple, in the order in which it joined, and all at the same moment', async () => {
    const clock = createFakeClock();
    const beat = new Beat(clock);
    const done: string[] = [];
    beat.join(() => done.push(`each ${clock.now()}`));
    beat.join(() => done.push(`third ${clock.now()}`), 3);
    await clock.advance(6 * beatMs);
    assert.deepEqual(done, [
      'each 100',
      'each 200',
      ...['each 300', 'third 300', 'each 400', 'each 500'],
      ...['each 600', 'third 600'],
    ]);
  });

  it('ends for one who leaves, and has no timer when nobody is left', async () => {
    const clock = createFakeClock();
    let timers = 0;
    const counted = {
      ...clock,
      schedule: (ms: number, callback: () => void): (() => void) => {
        timers += 1;
        const cancel = clock.schedule(ms, callback);
        return cancel;
      },
    };
    const beat = new Beat(counted);
    const done: string[] = [];
    const leaveOne = beat.join(() => done.push('one'));
    const leaveOther = beat.join(() => done.push('other'));
    await clock.advance(beatMs);
    leaveOne();
    leaveOne();
    await clock.advance(beatMs);
    assert.deepEqual(done, ['one', 'other', 'other']);
    leaveOther();
    const before = timers;
    await clock.advance(5 * beatMs);
    assert.equal(timers, before);
    assert.equal(done.length, 3);
    beat.join(() => done.push('again'));
    await clock.advance(beatMs);
    assert.equal(done.at(-1), 'again');
  });

  it('goes on after work that fails', async () => {
    const clock = createFakeClock();
    const callbacks: (() => void)[] = [];
    const schedule = (_ms: number, callback: () => void): (() => void) => {
      callbacks.push(callback);
      return () => {};
    };
    const beat = new Beat({ ...clock, schedule });
    beat.join(() => {
      throw new Error('broken');
    });
    assert.throws(() => callbacks.shift()?.(), /broken/);
    assert.equal(callbacks.length, 1);
  });
});
