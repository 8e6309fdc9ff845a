import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { LameduckError } from '@lameduck/core';
import { createFakeEdge, type FakeEdge } from '../../src/adapters/fake/edge.ts';
import { describeEdge } from '../edge-contract.ts';

const address = { kind: 'tcp', host: '127.0.0.1', port: 1 } as const;
const nodes = ['a', 'b', 'c'].map((name) => ({ name, address, weight: 1 }));
const make = (): FakeEdge => createFakeEdge({ name: 'edge-1', nodes });
const soon = (): AbortSignal => AbortSignal.timeout(5_000);

describeEdge('the fake edge', async () => {
  const edge = make();
  return { edge, ask: async () => edge.pick(), dispose: async () => edge.close(soon()) };
});

describe('the faults of the fake edge', () => {
  it('a failure that was injected hits the next call only and changes nothing', async () => {
    const edge = make();
    await edge.open([], soon());
    edge.failNext('remove', new LameduckError('edgeUnproven', 'made up'));
    await assert.rejects(
      edge.remove('a', () => undefined, soon()),
      /made up/,
    );
    assert.deepEqual((await edge.status(soon())).out, []);
    await edge.remove('a', () => undefined, soon());
    assert.deepEqual((await edge.status(soon())).out, ['a']);
  });

  it('a call that is held holds those behind it', async () => {
    const edge = make();
    await edge.open([], soon());
    const gate = Promise.withResolvers<void>();
    edge.holdNext('remove', gate.promise);
    const order: string[] = [];
    const first = edge.remove('a', () => order.push('a'), soon());
    const second = edge.remove('b', () => order.push('b'), soon());
    gate.resolve();
    await Promise.all([first, second]);
    assert.deepEqual(order, ['a', 'a', 'b', 'b']);
  });

  it('after a crash changes are notRunning until it is opened again', async () => {
    const edge = make();
    await edge.open([], soon());
    edge.crash();
    assert.equal((await edge.status(soon())).state, 'stopped');
    await assert.rejects(
      edge.remove('a', () => undefined, soon()),
      { code: 'notRunning' },
    );
    await edge.open(['a'], soon());
    assert.equal(edge.pick() === 'a', false);
  });

  it('in flight is what the test says', async () => {
    const edge = make();
    await edge.open([], soon());
    edge.setInFlight('a', 3);
    assert.equal(await edge.inFlight('a', soon()), 3);
  });
});
