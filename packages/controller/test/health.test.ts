import assert from 'node:assert/strict';
import { describe, it, mock } from 'node:test';
import { nodeStatus, type Rig, until, useRigs } from './support/rig.ts';

const { openRig } = useRigs();

/** Resolves once each edge has told its errors from now on: what it counted until then is known. */
async function sampled(rig: Rig): Promise<void> {
  const asked = rig.edges.map((edge) => mock.method(edge, 'traffic'));
  await until('each edge was sampled', () => asked.every(({ mock: calls }) => calls.callCount() > 0));
}

async function rotation(rig: Rig): Promise<string> {
  const { nodes } = await rig.controller.status();
  return nodes.flatMap(({ name, inRotation }) => (inRotation ? [name] : [])).join(' ');
}

const checks = { interval: '10ms', rise: 2, fall: 2 };

describe('the health of a node', () => {
  it('has the reason of its last change in the status, also when it is well again', async () => {
    const rig = await openRig();
    rig.sick.add('a');
    await until('a is out', async () => !(await nodeStatus(rig, 'a')).inRotation);
    const ill = await nodeStatus(rig, 'a');
    assert.equal(ill.reason, '2 checks in a row failed: status 503');
    rig.sick.delete('a');
    await until('a is back', async () => (await nodeStatus(rig, 'a')).state === 'ready');
    const well = await nodeStatus(rig, 'a');
    assert.equal(well.reason, undefined);
    assert.deepEqual(
      [well.healthChange?.from, well.healthChange?.to, well.healthChange?.reason],
      ['down', 'up', '2 checks in a row passed: status 200'],
    );
    assert.ok((well.healthChange?.ms ?? -1) >= 0);
  });

  it('E23: a node that flaps is kept out for longer and says so; but it is better than nobody', async () => {
    const rig = await openRig({ nodes: ['a', 'b'] });
    for (let turn = 0; turn < 3; turn += 1) {
      rig.sick.add('a');
      await until('a is out', async () => !(await nodeStatus(rig, 'a')).inRotation);
      rig.sick.delete('a');
      if (turn < 2) await until('a is back', async () => (await nodeStatus(rig, 'a')).state === 'ready');
    }
    await until('a passes', async () => (await nodeStatus(rig, 'a')).lastCheck === 'status 200');
    const held = await nodeStatus(rig, 'a');
    assert.match(
      held.reason ?? '',
      /^kept out for [\d.]+ m?s more, it failed 3 times in a short time: 2 checks/,
    );
    assert.deepEqual([held.state, held.inRotation], ['unhealthy', false]);
    rig.sick.add('b');
    await until('a serves for b', async () => (await rotation(rig)).includes('a'));
  });
});

describe('the panic threshold', () => {
  it('E11: sends to all again while too many are down at once, shows it, and isolates when that is over', async () => {
    const rig = await openRig({
      nodes: ['a', 'b', 'c', 'd'],
      config: { availability: { minAvailable: 1, panic: '50%' }, health: checks },
    });
    rig.sick.add('a');
    rig.sick.add('b');
    await until('a and b are out', async () => (await rotation(rig)) === 'c d');
    assert.equal((await rig.controller.status()).panic, undefined);
    rig.sick.add('c');
    await until('all are sent to', async () => (await rotation(rig)) === 'a b c d');
    assert.deepEqual((await rig.controller.status()).panic, { down: 3, of: 4 });
    rig.sick.delete('c');
    await until('a and b are out again', async () => (await rotation(rig)) === 'c d');
    assert.equal((await rig.controller.status()).panic, undefined);
  });

  it('does not count nodes that an operator has taken out', async () => {
    const rig = await openRig({
      nodes: ['a', 'b', 'c', 'd'],
      config: { availability: { minAvailable: 1, panic: '50%' }, health: checks },
    });
    for (const name of ['a', 'b']) await rig.controller.operate('drain', name, () => undefined);
    rig.sick.add('c');
    await until('c is out', async () => (await rotation(rig)) === 'd');
    assert.equal((await rig.controller.status()).panic, undefined);
  });
});

describe('errors at the edge', () => {
  const passive = { ...checks, passive: { errors: 5, within: '10s' } };

  it('take a node out whose checks pass, until they have risen', async () => {
    const rig = await openRig({ edges: 2, config: { health: { ...passive, rise: 30 } } });
    const [one, other] = rig.edges;
    one?.addErrors('b', 99);
    // what was there before the first sample says nothing
    await sampled(rig);
    one?.addErrors('a', 2);
    other?.addErrors('a', 3);
    await until('a is out', async () => !(await nodeStatus(rig, 'a')).inRotation);
    assert.equal((await nodeStatus(rig, 'a')).reason, '5 errors within 10.0 s at the edge');
    await until('a is back', async () => (await nodeStatus(rig, 'a')).state === 'ready');
    assert.equal(await rotation(rig), 'a b c');
  });

  it("are nobody's concern by default", async () => {
    const node = (name: string, port: number, health = {}) => ({
      name,
      address: `127.0.0.1:${port}`,
      process: { start: 'x' },
      health,
    });
    const nodes = [node('a', 200), node('b', 201, { passive: passive.passive })];
    const rig = await openRig({ nodes: ['a', 'b'], config: { nodes } });
    await sampled(rig);
    rig.edges[0]?.addErrors('a', 1000);
    rig.edges[0]?.addErrors('b', 1000);
    await until('b, which is watched, is out', async () => !(await nodeStatus(rig, 'b')).inRotation);
    assert.deepEqual(await rotation(rig), 'a');
    assert.ok(!rig.edges[0]?.calls.includes('remove a'));
  });
});
