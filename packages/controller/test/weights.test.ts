import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { LameduckError } from '@lameduck/core';
import { readWeights } from '../src/store/weight-note.ts';
import { type Rig, until, useRigs, worldOf } from './support/rig.ts';

const { rigs, openRig } = useRigs();
const refusal = new LameduckError('edgeRejected', 'Cannot reload edge "e1": nginx took it not');

/** As after SIGKILL. */
function crash(rig: Rig): void {
  rig.crash();
  rigs.splice(rigs.indexOf(rig), 1);
}

interface Seen {
  readonly node: readonly [weight: number | undefined, configured: number | undefined];
  readonly edges: readonly (Readonly<Record<string, number>> | undefined)[];
}

async function seen(rig: Rig, name = 'b'): Promise<Seen> {
  const { nodes, edges } = await rig.controller.status();
  const node = nodes.find((one) => one.name === name);
  return { node: [node?.weight, node?.configuredWeight], edges: edges.map(({ weights }) => weights) };
}

describe('a weight that is set at run time', () => {
  it('is that of every edge, is told with what it was, and ends with the configured one', async () => {
    const rig = await openRig({ edges: 2 });
    const report = await rig.controller.setWeight('b', 5, 'anna');
    assert.deepEqual(report, { node: 'b', weight: 5, configured: 1, before: 1 });
    assert.deepEqual(await seen(rig), { node: [5, 1], edges: [{ b: 5 }, { b: 5 }] });
    await rig.controller.setWeight('c', 3);
    assert.deepEqual((await seen(rig)).edges, [
      { b: 5, c: 3 },
      { b: 5, c: 3 },
    ]);
    assert.deepEqual(await rig.controller.setWeight('b', undefined), {
      node: 'b',
      weight: 1,
      configured: 1,
      before: 5,
    });
    assert.deepEqual(await seen(rig), { node: [1, undefined], edges: [{ c: 3 }, { c: 3 }] });
  });

  it('where one edge refuses it, all are as before, for the next controller, too', async () => {
    const first = await openRig({ edges: 2 });
    await first.controller.setWeight('b', 5);
    first.edges[1]?.failNext('weigh', refusal);
    await assert.rejects(first.controller.setWeight('b', 9), { code: 'edgeRejected' });
    assert.deepEqual(await seen(first), { node: [5, 1], edges: [{ b: 5 }, { b: 5 }] });
    crash(first);
    assert.deepEqual((await seen(await openRig(worldOf(first)))).node, [5, 1]);
  });

  it('where the store takes no write, nothing has changed', async () => {
    const rig = await openRig();
    rig.store.fill(true);
    await assert.rejects(rig.controller.setWeight('b', 5), { code: 'storeFailed' });
    assert.deepEqual(await seen(rig), { node: [1, undefined], edges: [undefined] });
    rig.store.fill(false);
  });

  it('comes to an edge that was down when it is back', async () => {
    const rig = await openRig({ edges: 2 });
    rig.edges[1]?.crash();
    const report = await rig.controller.setWeight('b', 5);
    assert.deepEqual(report.unproven, [rig.edges[1]?.name]);
    await until('the edge follows', async () => (await seen(rig)).edges[1]?.['b'] === 5);
  });

  it('is taken over by the next controller, unless the configured one has been changed', async () => {
    const first = await openRig();
    await first.controller.setWeight('b', 5);
    assert.deepEqual([...(await readWeights(first.store))], [['b', { weight: 5, configured: 1 }]]);
    crash(first);
    const second = await openRig(worldOf(first));
    assert.deepEqual(await seen(second), { node: [5, 1], edges: [{ b: 5 }] });
  });

  it('of a node that there is none of is refused', async () => {
    const rig = await openRig();
    await assert.rejects(rig.controller.setWeight('x', 5), { code: 'noSuchNode' });
  });
});
