import assert from 'node:assert/strict';
import { it } from 'node:test';
import { parseConfig } from '@lameduck/core';
import { pino } from 'pino';
import { createFakeEdge } from '../../src/adapters/fake/edge.ts';
import { createFakeStore } from '../../src/adapters/fake/store.ts';
import { createEdgeSet } from '../../src/edge-set.ts';
import { createVirtualClock } from '../support/virtual-clock.ts';

const never = new AbortController().signal;
const longMs = 60_000;

it('what an edge has said is shown again for a while, but never what it said before an order or its answer', async () => {
  const parsed = parseConfig({
    service: 'shop',
    edges: [{ name: 'one', listen: '127.0.0.1:1' }],
    nodes: [{ name: 'a', address: '127.0.0.1:2', process: { start: 'x' } }],
  });
  assert.ok(parsed.ok);
  const { config } = parsed;
  const { clock, advance } = createVirtualClock();
  const edge = createFakeEdge({ name: 'one', nodes: config.nodes });
  const set = createEdgeSet({
    edges: [edge],
    config,
    store: createFakeStore(clock),
    clock,
    logger: pino({ level: 'silent' }),
    onPoint: () => {},
    onSeen: () => {},
  });
  const asked = (): number => edge.calls.filter((call) => call === 'status').length;
  const view = async (maxAgeMs: number) => (await set.views(never, maxAgeMs))[0];
  await set.open([], never);
  assert.equal((await view(longMs))?.isConverged, true);
  const before = asked();
  await view(longMs);
  assert.equal(asked(), before, 'nothing was changed');
  await view(0);
  assert.equal(asked(), before + 1);

  await set.remove('a', () => {}, never);
  const removed = await view(longMs);
  assert.deepEqual([removed?.out, removed?.desired, removed?.isConverged], [['a'], ['a'], true]);
  await set.restore('a', () => {}, never);
  const restored = await view(longMs);
  assert.deepEqual([restored?.out, restored?.desired, restored?.isConverged], [[], [], true]);

  const rested = asked();
  await advance(2_100);
  assert.ok(asked() > rested, 'its owner looks at it every two seconds');
  const looked = asked();
  await view(2_000);
  assert.equal(asked(), looked);
  await set.close(never);
});
