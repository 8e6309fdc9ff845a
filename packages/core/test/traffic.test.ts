import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  addTraffic,
  latencyBucketsMs,
  type NodeTraffic,
  noTraffic,
  quantile,
  subtractTraffic,
} from '../src/traffic.ts';

const places = latencyBucketsMs.length + 1;
const count = fc.nat(1_000_000);
const traffic: fc.Arbitrary<NodeTraffic> = fc.record(
  {
    requests: count,
    errors: count,
    latency: fc.array(count, { minLength: places, maxLength: places }),
    latencySumMs: count,
  },
  { noNullPrototype: true },
);
const bucketOf = (ms: number): number => {
  const found = latencyBucketsMs.findIndex((bound) => ms <= bound);
  return found < 0 ? places - 1 : found;
};
const histogram = (values: readonly number[]): number[] => {
  const counts = new Array<number>(places).fill(0);
  for (const ms of values) counts[bucketOf(ms)] = (counts[bucketOf(ms)] ?? 0) + 1;
  return counts;
};

describe('traffic', () => {
  it('what is added to a sum is what is left when the sum before is taken away', () => {
    fc.assert(
      fc.property(traffic, traffic, (before, more) => {
        assert.deepEqual(subtractTraffic(addTraffic(before, more), before), more);
        assert.deepEqual(addTraffic(before, more), addTraffic(more, before));
      }),
    );
    assert.deepEqual(addTraffic(noTraffic, noTraffic), noTraffic);
  });

  it('a sum in which any number fell is that of an edge started anew, and counts as a whole', () => {
    fc.assert(
      fc.property(traffic, traffic, (now, before) => {
        const since = subtractTraffic(now, before);
        assert.ok(since.requests >= 0 && since.errors >= 0 && since.latencySumMs >= 0);
        assert.ok(since.latency.every((value) => value >= 0));
      }),
    );
    const before = { ...noTraffic, requests: 10, errors: 1 };
    assert.deepEqual(subtractTraffic({ ...noTraffic, requests: 12 }, before), { ...noTraffic, requests: 12 });
  });

  it('a quantile lies in the bucket of the value that it stands for', () => {
    const values = fc.array(fc.integer({ min: 0, max: 20_000 }), { minLength: 1, maxLength: 200 });
    fc.assert(
      fc.property(values, fc.double({ min: 0.01, max: 1, noNaN: true }), (given, q) => {
        const sorted = [...given].sort((a, b) => a - b);
        const exact = sorted[Math.ceil(q * sorted.length - 1e-9) - 1] ?? 0;
        const found = quantile(histogram(given), q) ?? Number.NaN;
        const bucket = Math.min(bucketOf(exact), latencyBucketsMs.length - 1);
        assert.ok(found <= (latencyBucketsMs[bucket] ?? 0), `${found} for ${exact}`);
        assert.ok(found >= (latencyBucketsMs[bucket - 1] ?? 0), `${found} for ${exact}`);
      }),
    );
  });

  it('a quantile is interpolated, has the last bound for what was slower, and is nothing without answers', () => {
    assert.equal(quantile(noTraffic.latency, 0.5), undefined);
    assert.equal(quantile(histogram([15, 15, 15, 15]), 0.5), 15);
    assert.equal(quantile(histogram([60_000]), 0.99), 10_000);
  });
});
