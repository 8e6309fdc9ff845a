import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createFakeEdge } from '../src/adapters/fake/edge.ts';
import { makeRig, never, nodeStatus, type Rig, type RigOptions, until, useRigs } from './support/rig.ts';

const { openRig, rigs } = useRigs();
const health = { interval: '10ms', rise: 2, fall: 2 };

async function rotation(rig: Rig): Promise<string> {
  const { nodes } = await rig.controller.status();
  return nodes.flatMap(({ name, inRotation }) => (inRotation ? [name] : [])).join(' ');
}

function reloadEdge(names: readonly string[]): NonNullable<RigOptions['foundEdges']> {
  const nodes = names.map((name, index) => ({
    name,
    address: { kind: 'tcp', host: '127.0.0.1', port: 200 + index } as const,
    weight: 1,
  }));
  return [createFakeEdge({ name: 'e0', nodes, mode: 'reload' })];
}

describe('the last node whose process ends', () => {
  it('is taken out where an edge can let requests wait, and comes back when it serves again', async () => {
    const rig = await openRig({ nodes: ['a'] });
    rig.node('a').holdStarts(true);
    rig.node('a').crash();
    await until('a is out', async () => (await rotation(rig)) === '');
    assert.ok(rig.edges[0]?.leavesOut('a'));
    assert.equal((await nodeStatus(rig, 'a')).reason, 'its main process ended and nobody had asked for it');
    rig.node('a').holdStarts(false);
    await until('a is back', async () => (await rotation(rig)) === 'a' && !rig.edges[0]?.leavesOut('a'));
  });

  it('is taken out also where all die at once and the panic threshold is passed', async () => {
    const rig = await openRig({ config: { availability: { minAvailable: 1, panic: '50%' }, health } });
    for (const name of ['a', 'b', 'c']) {
      rig.node(name).holdStarts(true);
      rig.node(name).crash();
    }
    await until('nobody is sent to', async () => (await rotation(rig)) === '');
    rig.node('b').holdStarts(false);
    await until('b serves for all', async () => (await rotation(rig)) === 'b');
  });

  it('stays in where no edge can let requests wait: a reload would be for nothing', async () => {
    const rig = await openRig({ nodes: ['a'], foundEdges: reloadEdge(['a']) });
    rig.node('a').holdStarts(true);
    rig.node('a').crash();
    await until('a is known to be dead', async () => (await nodeStatus(rig, 'a')).state === 'stopped');
    // everything was looked at again by then
    await until('it is started again', async () => (await nodeStatus(rig, 'a')).state === 'starting');
    assert.ok(!rig.edges[0]?.calls.includes('remove a'));
  });
});

describe('checks that say that all is down', () => {
  it('never take the last node out whose process runs', async () => {
    const rig = await openRig({ nodes: ['a', 'b'] });
    rig.sick.add('a');
    rig.sick.add('b');
    await until('both are down', async () => {
      const { nodes } = await rig.controller.status();
      return nodes.every(({ health: verdict }) => verdict === 'down');
    });
    assert.equal((await rotation(rig)).length, 1);
  });

  it('do not keep a node out when the process of the other one ends', async () => {
    const rig = await openRig({ nodes: ['a', 'b'] });
    rig.sick.add('b');
    await until('b is out', async () => (await rotation(rig)) === 'a');
    rig.node('a').holdStarts(true);
    rig.node('a').crash();
    await until('b is sent to for a', async () => (await rotation(rig)) === 'b');
    rig.node('a').holdStarts(false);
    await until('a serves again, and b is out', async () => (await rotation(rig)) === 'a');
  });
});

describe('a node that somebody else starts again', () => {
  it('is not sent to before it serves, also while the panic threshold is passed', async () => {
    const rig = makeRig({
      nodes: ['a', 'b'],
      isOwner: false,
      config: { availability: { minAvailable: 1, panic: '60%' }, health },
    });
    rigs.push(rig);
    for (const { runner } of rig.nodes.values()) await runner.start(never);
    await rig.controller.open(never);
    rig.sick.add('a');
    rig.node('a').crash();
    await until('a is out', async () => (await rotation(rig)) === 'b');
    await rig.node('a').runner.start(never);
    await until('its process is known and fails its checks', async () => {
      const { pid, health: verdict } = await nodeStatus(rig, 'a');
      return pid !== undefined && verdict === 'down';
    });
    assert.notEqual((await rig.controller.status()).panic, undefined);
    assert.equal(await rotation(rig), 'b');
    rig.sick.delete('a');
    await until('a is back', async () => (await rotation(rig)) === 'a b');
  });
});
