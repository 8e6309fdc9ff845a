import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type ConnectionView, mayDestroy } from '../src/connection-verdict.ts';

const idle: ConnectionView = {
  outstanding: 0,
  isUpgraded: false,
  isBodyArriving: false,
  unflushedBytes: 0,
  newBytes: 0,
  idleForMs: 0,
  headerForMs: 0,
};
const budgets = { lingerMs: 1000, headerMs: 2000 };
const count = fc.integer({ min: 0, max: 5000 });
const anyView: fc.Arbitrary<ConnectionView> = fc.record({
  outstanding: fc.integer({ min: 0, max: 2 }),
  isUpgraded: fc.boolean(),
  isBodyArriving: fc.boolean(),
  unflushedBytes: fc.integer({ min: 0, max: 1 }),
  newBytes: fc.integer({ min: 0, max: 1 }),
  idleForMs: count,
  headerForMs: count,
});

test('a connection that owes or is owed anything is never destroyed, whatever its age', () => {
  const isOwing = (view: ConnectionView): boolean =>
    view.outstanding > 0 || view.isUpgraded || view.isBodyArriving || view.unflushedBytes > 0;
  fc.assert(
    fc.property(anyView.filter(isOwing), (view) => {
      assert.equal(mayDestroy(view, { lingerMs: 0, headerMs: 0 }), false);
    }),
  );
});

test('an idle connection is destroyed when its linger time has passed, not before', () => {
  assert.equal(mayDestroy({ ...idle, idleForMs: 999 }, budgets), false);
  assert.equal(mayDestroy({ ...idle, idleForMs: 1000 }, budgets), true);
  assert.equal(mayDestroy(idle, { ...budgets, lingerMs: 0 }), true);
});

test('a half-sent header has its own time, however long the connection was idle', () => {
  const half = { ...idle, newBytes: 10, idleForMs: 60_000 };
  assert.equal(mayDestroy({ ...half, headerForMs: 1999 }, budgets), false);
  assert.equal(mayDestroy({ ...half, headerForMs: 2000 }, budgets), true);
});
