import assert from 'node:assert/strict';
import { it } from 'node:test';
import { changedKeys } from '../src/config/changed-keys.ts';

it('what differs between two configurations is named by its keys, items of lists by their names', () => {
  const before = {
    health: { ms: 1, rise: 2 },
    nodes: [
      { name: 'a', weight: 1 },
      { name: 'b', env: {} },
    ],
    tags: [1, 2],
  };
  assert.deepEqual(changedKeys(before, structuredClone(before)), []);
  const after = {
    health: { ms: 2, rise: 2 },
    nodes: [{ name: 'c' }, { name: 'b', env: { A: '1' } }, { name: 'a', weight: 3 }],
    tags: [1, 3],
  };
  assert.deepEqual(changedKeys(before, after), [
    'health.ms',
    'nodes.a.weight',
    'nodes.b.env.A',
    'nodes.c',
    'tags.1',
  ]);
});
