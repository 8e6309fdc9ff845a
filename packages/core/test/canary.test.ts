import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type CanaryObservation, judgeCanary, type SuccessCriteria } from '../src/canary.ts';
import { latencyBucketsMs, type NodeTraffic } from '../src/traffic.ts';

const limits: SuccessCriteria = { maxErrorRate: 0.01, maxP99Ratio: 2, minRequests: 100, isDemanded: false };

/** So many requests, all of them answered within this bound. */
function traffic(requests: number, errors = 0, boundMs = 20): NodeTraffic {
  const bucket = latencyBucketsMs.indexOf(boundMs as (typeof latencyBucketsMs)[number]);
  const latency = Array.from({ length: latencyBucketsMs.length + 1 }, (_, index) =>
    index === bucket ? requests : 0,
  );
  return { requests, errors, latency, latencySumMs: requests * boundMs };
}

function seen(canary: NodeTraffic, others: NodeTraffic = traffic(1000)): CanaryObservation {
  return { traffic: { canary, others } };
}

describe('judgeCanary', () => {
  it('lets a healthy canary pass that is as good as the others', () => {
    assert.equal(judgeCanary(seen(traffic(500, 5)), limits, true).verdict, 'passed');
  });

  it('fails it at once where it is not healthy', () => {
    const { verdict, reason } = judgeCanary({ unhealthy: 'status 503' }, limits, false);
    assert.deepEqual([verdict, reason], ['failed', 'it is not healthy: status 503']);
  });

  it('fails it at once for errors, as soon as there are requests enough to tell', () => {
    assert.equal(judgeCanary(seen(traffic(99, 50)), limits, false).verdict, 'pending');
    const { verdict, reason } = judgeCanary(seen(traffic(100, 2)), limits, false);
    assert.deepEqual(
      [verdict, reason],
      ['failed', '2% of its requests ended with an error (maxErrorRate: 1%)'],
    );
  });

  it('compares latency with the other nodes in the same time, and only at the end', () => {
    const slow = seen(traffic(500, 0, 200), traffic(1000, 0, 50));
    assert.equal(judgeCanary(slow, limits, false).verdict, 'pending');
    const { verdict, reason } = judgeCanary(slow, limits, true);
    assert.equal(verdict, 'failed');
    assert.match(reason ?? '', /^its p99 is 199 ms, the others allow 99 ms/);
    // both are slow: it is the machine, not the version
    assert.equal(
      judgeCanary(seen(traffic(500, 0, 200), traffic(1000, 0, 200)), limits, true).verdict,
      'passed',
    );
  });

  it('does not compare two fast nodes by their noise', () => {
    assert.equal(judgeCanary(seen(traffic(500, 0, 20), traffic(1000, 0, 1)), limits, true).verdict, 'passed');
  });

  it('does not take two slow answers of a hundred for a slow version', () => {
    const few = traffic(150);
    const latency = few.latency.with(9, 4);
    const { criteria, verdict } = judgeCanary(seen({ ...few, latency }), limits, true);
    assert.equal(verdict, 'passed');
    assert.match(criteria.at(-1)?.reason ?? '', /^only 4 of 150 requests were slower, which may be chance$/);
    const many = { ...few, latency: few.latency.with(9, 12) };
    assert.equal(judgeCanary(seen(many), limits, true).verdict, 'failed');
  });

  it('is unsure where too little came', () => {
    const { verdict, reason } = judgeCanary(seen(traffic(3)), limits, true);
    assert.equal(verdict, 'unsure');
    assert.match(reason ?? '', /it has had 3 requests, too few to judge it by/);
  });

  it('goes by health alone where the edges count nothing, unless criteria were demanded', () => {
    assert.equal(judgeCanary({}, limits, true).verdict, 'passed');
    assert.equal(judgeCanary({}, { ...limits, isDemanded: true }, true).verdict, 'unsure');
  });

  it('never passes what is worse than something that it fails', () => {
    fc.assert(
      fc.property(fc.integer({ min: 100, max: 1000 }), fc.nat(100), fc.nat(50), (requests, errors, more) => {
        const verdict = (count: number): string =>
          judgeCanary(seen(traffic(requests, Math.min(count, requests))), limits, true).verdict;
        if (verdict(errors) === 'failed') assert.equal(verdict(errors + more), 'failed');
      }),
    );
  });
});
