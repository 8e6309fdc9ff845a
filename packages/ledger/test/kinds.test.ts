import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { defaultMix, kinds, parseMix, spreadConnections } from '../src/kinds.ts';
import { UsageError } from '../src/usage-error.ts';

const weights = fc.record(Object.fromEntries(kinds.map((kind) => [kind, fc.nat(50)])));

test('connections are spread without one too many or too few, and only over weighted kinds', () => {
  fc.assert(
    fc.property(weights, fc.integer({ min: 1, max: 500 }), (mix, connections) => {
      fc.pre(Object.values(mix).some((weight) => weight > 0));
      const spread = spreadConnections(mix, connections);
      assert.equal(
        Object.values(spread).reduce((sum, number) => sum + number, 0),
        connections,
      );
      for (const kind of kinds) if (mix[kind] === 0) assert.equal(spread[kind] ?? 0, 0);
    }),
  );
});

test('every weighted kind has a connection where there are enough', () => {
  assert.deepEqual(spreadConnections({ get: 100, late: 1 }, 2), { get: 1, late: 1 });
  assert.deepEqual(spreadConnections(defaultMix, 40), defaultMix);
});

test('a mix is read with and without weights', () => {
  assert.deepEqual(parseMix('get=3, post,late=0'), { get: 3, post: 1, late: 0 });
});

for (const text of ['', 'got=1', 'get=-1', 'get=1.5', 'get=1=2', 'get=x', 'toString=1']) {
  test(`the mix "${text}" is refused`, () => {
    assert.throws(() => parseMix(text), UsageError);
  });
}

test('a mix without any weight is refused', () => {
  assert.throws(() => spreadConnections({ get: 0 }, 4), UsageError);
});
