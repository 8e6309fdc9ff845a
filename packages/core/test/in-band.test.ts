import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { inBandBudget, waitUntilQuiet } from '../src/in-band.ts';

const ms = fc.integer({ min: 0, max: 60_000 });

test('a node accepts for as long as a poll needs, and never for more than half of its grace period', () => {
  assert.deepEqual(inBandBudget(30_000, 0), { leastMs: 0, mostMs: 15_000 });
  assert.deepEqual(inBandBudget(30_000, 20_000), { leastMs: 20_000, mostMs: 20_000 });
});

test('it stops accepting 0.7 s after the last request: while a mark of one second still holds', () => {
  const budget = inBandBudget(30_000, 0);
  assert.equal(waitUntilQuiet(budget, 5000, 0), 700);
  assert.equal(waitUntilQuiet(budget, 5000, 500), 200);
  assert.equal(waitUntilQuiet(budget, 5000, 700), 0);
  assert.equal(waitUntilQuiet(inBandBudget(30_000, 4000), 1000, 1000), 3000);
});

test('it never waits beyond the budget, and with no more requests one wait is enough', () => {
  fc.assert(
    fc.property(ms, ms, ms, ms, (graceMs, leastMs, sinceStartMs, sinceBusyMs) => {
      const budget = inBandBudget(graceMs, leastMs);
      const wait = waitUntilQuiet(budget, sinceStartMs, sinceBusyMs);
      assert.ok(wait >= 0 && sinceStartMs + wait <= Math.max(sinceStartMs, budget.mostMs));
      assert.equal(waitUntilQuiet(budget, sinceStartMs + wait, sinceBusyMs + wait), 0);
    }),
  );
});
