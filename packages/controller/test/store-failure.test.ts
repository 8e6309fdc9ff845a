import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { createFakeStore } from '../src/adapters/fake/store.ts';
import { systemClock } from '../src/adapters/system/clock.ts';
import { createServiceStore } from '../src/store/service-store.ts';
import { makeRig, never, type Rig, type RigOptions, until } from './support/rig.ts';

const rigs: Rig[] = [];
const quiet = (): void => {};

async function openRig(options?: RigOptions): Promise<Rig> {
  const rig = makeRig(options);
  rigs.push(rig);
  await rig.controller.open(never);
  return rig;
}

afterEach(async () => {
  for (const rig of rigs.splice(0)) if (!rig.isDead()) await rig.controller.close(AbortSignal.abort());
});

async function states(rig: Rig): Promise<string[]> {
  return (await rig.controller.status()).nodes.map(({ state }) => state);
}

describe('a running controller whose store is full', () => {
  it('goes on serving, and refuses operations with the reason', async () => {
    const rig = await openRig();
    rig.store.fill(true);
    for (const kind of ['drain', 'stop', 'restart'] as const) {
      await assert.rejects(rig.controller.operate(kind, 'a', quiet), {
        code: 'storeFailed',
        message: `Cannot ${kind} node "a": a store that takes its record is wanted: Cannot use the fake store: room on the disk is wanted: it is full`,
      });
    }
    await assert.rejects(rig.controller.rollout({ batch: 1 }, quiet), { code: 'storeFailed' });
    assert.deepEqual(await states(rig), ['ready', 'ready', 'ready']);
    assert.deepEqual(rig.node('a').signals(), []);
    rig.store.fill(false);
    assert.equal((await rig.controller.operate('restart', 'a', quiet)).result, 'exited');
  });

  it('still isolates what is ill, and starts again what died', async () => {
    const rig = await openRig();
    rig.store.fill(true);
    rig.sick.add('b');
    await until('b is isolated', async () => (await states(rig))[1] === 'unhealthy');
    rig.sick.delete('b');
    const before = rig.node('a').running()?.pid;
    rig.node('a').crash();
    await until('all serve again', async () => (await states(rig)).every((state) => state === 'ready'));
    assert.notEqual(rig.node('a').running()?.pid, before);
  });

  it('still lets a node leave in its turn that somebody else has signalled', async () => {
    const rig = await openRig();
    rig.store.fill(true);
    const pid = rig.node('a').running()?.pid ?? 0;
    rig.node('a').signalFromElsewhere();
    const report = await rig.controller.leave('a', { pid, waitMs: 1000 }, quiet);
    assert.deepEqual([report.result, rig.broken], ['exited', []]);
  });

  it('signals nothing where the store fails between the removal and the signal; the node comes back', async () => {
    const rig: Rig = await openRig({
      onEffect: ({ effect, when }) => {
        if (effect === 'remove' && when === 'after') rig.store.fill(true);
      },
    });
    const report = await rig.controller.operate('stop', 'a', quiet);
    assert.deepEqual([report.result, report.code], ['failed', 'storeFailed']);
    assert.deepEqual(rig.node('a').signals(), []);
    await until('a is back', async () => (await states(rig))[0] === 'ready');
    assert.equal(rig.edges[0]?.isOut('a'), false);
  });

  it('finishes what it had signalled: the way back counts more than the record of it', async () => {
    const rig: Rig = await openRig({
      onEffect: ({ effect, when }) => {
        if (effect === 'terminate' && when === 'after') rig.store.fill(true);
      },
    });
    const report = await rig.controller.operate('restart', 'a', quiet);
    assert.equal(report.result, 'exited');
    assert.deepEqual(await states(rig), ['ready', 'ready', 'ready']);
    rig.store.fill(false);
    // the end that was kept is written before the next operation of the node
    await rig.controller.operate('drain', 'a', quiet);
    const [, restart] = await rig.controller.history(2);
    assert.deepEqual([restart?.operation, restart?.report?.result], ['restart', 'exited']);
  });

  it('can be stopped', async () => {
    const rig = await openRig();
    rig.store.fill(true);
    await rig.controller.close(never);
    for (const name of ['a', 'b', 'c']) assert.equal(rig.node(name).running(), undefined);
    rigs.length = 0;
  });
});

describe('answers that the store loses', () => {
  it('change nothing: what was written counts, once', async () => {
    const rig = await openRig();
    for (const faults of [['answerLost'], ['notWritten'], ['notWritten', 'answerLost']] as const) {
      rig.store.failWrites(...faults);
      assert.equal((await rig.controller.operate('drain', 'a', quiet)).result, 'drained');
      assert.equal((await rig.controller.operate('ready', 'a', quiet)).result, 'ready');
    }
    assert.equal((await rig.controller.history(100)).length, 6);
  });
});

describe('E10: two controllers on one store', () => {
  const draft = (kind: 'restart' | 'drain') =>
    ({ kind, node: 'a', beganAt: '2026-11-22T10:00:00.000Z', phase: 'check' }) as const;

  it('never work on one node at once: the second is told what holds it, and since when', async () => {
    const store = createFakeStore(systemClock);
    const [first, second] = [createServiceStore(store), createServiceStore(store)];
    const restart = await first.beginOperation(draft('restart'));
    await restart.note({ phase: 'remove' });
    await assert.rejects(second.beginOperation(draft('drain')), {
      code: 'busy',
      message:
        'Cannot drain node "a": one operation at a time is wanted: "restart" since 2026-11-22T10:00:00.000Z is at remove',
    });
  });

  it('lets the one that has lost an operation to the other do nothing more in it', async () => {
    const store = createFakeStore(systemClock);
    const [first, second] = [createServiceStore(store), createServiceStore(store)];
    const lost = await first.beginOperation(draft('restart'));
    const [noted] = await second.operations();
    assert.ok(noted);
    await second.continueOperation(noted).note({ phase: 'wait' });
    await assert.rejects(lost.note({ phase: 'terminate' }), { code: 'busy', message: /taken it over/ });
  });
});
