import assert from 'node:assert/strict';
import { it } from 'node:test';
import { Pace } from '../../src/hand-off/pace.ts';

/** When each of so many connections went, in milliseconds after the first. */
function goAll(count: number): Promise<readonly number[]> {
  return new Promise((resolve) => {
    const times: number[] = [];
    const go = (): void => {
      while (times.length < count && pace.mayGo()) {
        times.push(performance.now());
        pace.gone(count - times.length);
      }
      if (times.length === count) resolve(times.map((time) => time - (times[0] ?? 0)));
    };
    const pace = new Pace(go);
    go();
  });
}

it('lets a few go one after the other, with the longest gap between two', async () => {
  const times = await goAll(5);
  const gaps = times.slice(1).map((time, index) => time - (times[index] ?? 0));
  assert.ok(
    gaps.every((gap) => gap >= 24),
    `gaps of ${gaps.map(Math.round)} ms`,
  );
});

it('spreads many over the whole time, and lets the rest go at once after it', async () => {
  const times = await goAll(200);
  const half = times[100] ?? 0;
  // timers are never early; how late they are depends on the machine
  assert.ok(half >= 100 && (times.at(-1) ?? 0) >= 300, `half after ${half} ms, all after ${times.at(-1)} ms`);
  assert.equal(new Set(times.map(Math.round)).size > 50, true);
});

it('lets nothing go any more once it was stopped, and begins anew when it is asked again', () => {
  const pace = new Pace(() => assert.fail('due after the stop'));
  pace.gone(5);
  assert.equal(pace.mayGo(), false);
  pace.stop();
  assert.equal(pace.mayGo(), true);
});
