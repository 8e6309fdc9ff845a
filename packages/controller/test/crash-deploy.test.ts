import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { LameduckError } from '@lameduck/core';
import { createFakeHooks, type FakeHooks } from '../src/adapters/fake/hooks.ts';
import type { EffectPoint } from '../src/effect-point.ts';
import { makeRig, never, type Rig, type RigOptions, worldOf } from './support/rig.ts';

const quiet = (): void => {};
const rigs: Rig[] = [];
afterEach(async () => {
  for (const rig of rigs.splice(0)) if (!rig.isDead()) await rig.controller.close(AbortSignal.abort());
});

async function openRig(options: RigOptions): Promise<Rig> {
  const rig = makeRig(options);
  rigs.push(rig);
  await rig.controller.open(never);
  return rig;
}

/** A rollout of node `a` whose controller dies there; what its successor finds does not start. Gives what hooks ran. */
async function callsAfter(point: string, hooks: FakeHooks): Promise<readonly string[]> {
  const died = Promise.withResolvers<void>();
  const options = { hooks: new Map([['a', hooks]]) };
  const onEffect = ({ effect, when }: EffectPoint): void => {
    if (`${when} ${effect}` !== point) return;
    first.crash();
    died.resolve();
  };
  const first: Rig = await openRig({ ...options, onEffect });
  first.controller.rollout({ only: ['a'] }, quiet).catch(quiet);
  await died.promise;
  first.node('a').failStarts(new LameduckError('startFailed', 'it does not start'));
  await openRig({ ...options, ...worldOf(first) });
  first.node('a').failStarts();
  return hooks.calls;
}

describe('a deployment whose controller ended in it, where the node then does not start', () => {
  for (const point of ['before terminate', 'after terminate', 'before awaitExit', 'after awaitExit']) {
    it(`${point}: nothing is rolled back, as nothing was deployed`, async () => {
      assert.deepEqual(await callsAfter(point, createFakeHooks()), []);
    });
  }

  for (const point of ['after deploy', 'before start']) {
    it(`${point}: what was deployed is rolled back`, async () => {
      const calls = await callsAfter(point, createFakeHooks());
      assert.deepEqual(calls, ['beforeStart deploy', 'rollBack rollBack']);
    });
  }

  it('and was rolled back before: not once more', async () => {
    const hooks = createFakeHooks();
    hooks.fail('beforeStart', 'exit 1');
    assert.deepEqual(await callsAfter('before start', hooks), ['beforeStart deploy', 'rollBack rollBack']);
  });
});

describe('a rollBack hook', () => {
  it('does not run where there is no beforeStart whose work it could undo', async () => {
    const hooks = createFakeHooks(['rollBack']);
    const rig = await openRig({ hooks: new Map([['a', hooks]]) });
    rig.node('a').failStarts(new LameduckError('startFailed', 'it does not start'));
    const report = await rig.controller.rollout({ only: ['a'] }, quiet);
    rig.node('a').failStarts();
    assert.deepEqual([report.result, hooks.calls], ['aborted', []]);
  });

  it('does not run where nothing of beforeStart could be run', async () => {
    const hooks = createFakeHooks();
    hooks.fail('beforeStart', 'no such file', false);
    const rig = await openRig({ hooks: new Map([['a', hooks]]) });
    const report = await rig.controller.rollout({ only: ['a'] }, quiet);
    assert.deepEqual(hooks.calls, ['beforeStart deploy']);
    const [node] = report.nodes;
    assert.deepEqual([node?.result, node?.rolledBack, node?.isBack], ['failed', false, true]);
  });
});
