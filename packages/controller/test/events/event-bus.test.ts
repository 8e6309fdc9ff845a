import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { EventBus } from '../../src/events/event-bus.ts';
import { EventRing } from '../../src/events/event-ring.ts';
import type { Clock } from '../../src/ports/clock.ts';

/** Time that passes when it is told to. */
function handClock(): Clock & { pass(ms: number): void } {
  let now = 0;
  let timers: { at: number; callback: () => void }[] = [];
  return {
    now: () => now,
    timestamp: () => new Date(now).toISOString(),
    random: () => 0.5,
    schedule(ms, callback) {
      const timer = { at: now + ms, callback };
      timers.push(timer);
      return () => {
        timers = timers.filter((other) => other !== timer);
      };
    },
    pass(ms) {
      now += ms;
      const due = timers.filter(({ at }) => at <= now);
      timers = timers.filter(({ at }) => at > now);
      for (const { callback } of due) callback();
    },
  };
}

const idsOf = (text: string): string[] => [...text.matchAll(/^id: (.*)$/gm)].map((match) => match[1] ?? '');
const event = { at: '', checks: [] } as const;

describe('the ring of events', () => {
  it('gives all that came after a number or says that it cannot, and never holds more than its bounds', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 30 }), { maxLength: 200 }),
        fc.integer({ min: 1, max: 20 }),
        fc.integer({ min: 1, max: 200 }),
        (sizes, mostFrames, mostCharacters) => {
          const ring = new EventRing(mostFrames, mostCharacters);
          sizes.forEach((size, index) => {
            ring.push({ number: index + 1, text: 'x'.repeat(size) });
          });
          for (let after = 0; after <= sizes.length; after += 1) {
            const frames = ring.after(after);
            if (frames === undefined) continue;
            assert.deepEqual(
              frames.map(({ number }) => number),
              sizes.slice(after).map((_, index) => after + index + 1),
            );
            const characters = frames.reduce((sum, { text }) => sum + text.length, 0);
            assert.ok(frames.length <= mostFrames && (characters <= mostCharacters || frames.length === 1));
          }
          if (sizes.length > 0)
            assert.equal(ring.after(sizes.length - 1)?.length, 1, 'the newest is always there');
        },
      ),
    );
  });
});

describe('the bus of events', () => {
  it('misses nothing for a client that goes and comes at any time, and tells nothing twice', () => {
    const step = fc.oneof(
      { weight: 5, arbitrary: fc.constant('publish' as const) },
      fc.constant('leave' as const),
      fc.constant('come' as const),
      fc.integer({ min: 1, max: 20_000 }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
        const clock = handClock();
        const bus = new EventBus(clock, { wake: () => {}, sleep: () => {} });
        let got: string[] = [];
        let published: string[] = [];
        let isHere = false;
        const listener = (chunk: Buffer): void => void got.push(...idsOf(chunk.toString()));
        for (const what of [...steps, 'come', 'publish', 50] as const) {
          if (what === 'publish') {
            const before = bus.lastId;
            bus.publish('checks', event);
            if (bus.lastId !== before) published.push(bus.lastId);
          } else if (what === 'leave') {
            bus.unsubscribe(listener);
            isHere = false;
          } else if (what === 'come') {
            if (isHere) continue;
            isHere = true;
            const missed = bus.subscribe(listener, got.at(-1));
            // the whole state comes instead: what was before does not count
            if (missed === undefined) {
              got = [];
              published = [];
            } else got.push(...idsOf(missed));
          } else clock.pass(what);
        }
        assert.deepEqual(got, published);
      }),
    );
  });

  it('makes nothing while nobody listens: it sleeps 30 s after the last one has left, and then knows no id', () => {
    const clock = handClock();
    const life: string[] = [];
    const bus = new EventBus(clock, { wake: () => life.push('wake'), sleep: () => life.push('sleep') });
    const listener = (): void => {};
    bus.publish('checks', event);
    bus.subscribe(listener);
    bus.publish('checks', event);
    const { lastId } = bus;
    bus.unsubscribe(listener);
    clock.pass(29_000);
    assert.deepEqual(life, ['wake']);
    assert.equal(bus.since(lastId), '');
    clock.pass(1_001);
    assert.deepEqual(life, ['wake', 'sleep']);
    assert.equal(bus.subscribe(listener, lastId), undefined, 'what happened meanwhile was not written down');
    bus.close();
  });

  it('writes with each beat for a few listeners, and with every second one for many', () => {
    for (const [count, expected] of [
      [3, 6],
      [50, 3],
    ] as const) {
      const clock = handClock();
      const bus = new EventBus(clock, { wake: () => {}, sleep: () => {} });
      let writes = 0;
      const write = (): void => {
        writes += 1;
      };
      for (let place = 0; place < count; place += 1) bus.subscribe(() => write());
      clock.pass(1000);
      for (let beat = 0; beat < 6; beat += 1) {
        bus.publish('checks', event);
        // what beats is not later than the bus by itself
        bus.beat();
        clock.pass(100);
      }
      assert.equal(writes / count, expected, `${count} listeners`);
      bus.publish('checks', event);
      clock.pass(200);
      assert.equal(writes / count, expected + 1, 'without a beat it writes by itself');
      bus.close();
    }
  });
});
