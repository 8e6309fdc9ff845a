import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stepPool } from '../src/pool.ts';
import { takersOf } from '../src/pool-hand-off.ts';
import { initialPool, type PoolEvent, type PoolState } from '../src/pool-state.ts';
import { poolSettings as settings } from './support.ts';

function after(...events: readonly PoolEvent[]): PoolState {
  const ready: PoolEvent[] = [1, 2].map((id) => ({ type: 'workerReady', id }));
  const history: readonly PoolEvent[] = [{ type: 'startRequested' }, ...ready, ...events];
  return history.reduce<PoolState>((state, event) => stepPool(state, event).state, initialPool(settings, 2));
}

test('every ready worker of the only generation takes over', () => {
  assert.deepEqual(takersOf(after()), [1, 2]);
});

test('in a reload only the new generation takes over, from its first ready worker on', () => {
  assert.deepEqual(takersOf(after({ type: 'reloadRequested' })), [1, 2]);
  assert.deepEqual(takersOf(after({ type: 'reloadRequested' }, { type: 'workerReady', id: 3 })), [3]);
});

test('a worker that leaves takes nothing over', () => {
  assert.deepEqual(takersOf(after({ type: 'workerDraining', id: 1 })), [2]);
  assert.deepEqual(takersOf(after({ type: 'scaleRequested', workers: 1 })), [2]);
});

test('nobody takes over while the pool stops, nor before a worker is ready', () => {
  assert.deepEqual(takersOf(after({ type: 'stopRequested', mode: 'graceful' })), []);
  assert.deepEqual(takersOf(initialPool(settings, 2)), []);
});
