import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { OperationKind } from '@lameduck/core';
import { createFakeEdge } from '../src/adapters/fake/edge.ts';
import { type Rig, until, useRigs, worldOf } from './support/rig.ts';

const { openRig, rigs } = useRigs();
const names = ['a', 'b', 'c'];
const changeLimits = { removeMs: 400, restoreMs: 200 };
const quiet = (): void => {};

/** As `mode: auto` where no gate was found. */
function openReloading(): Promise<Rig> {
  const nodes = names.map((name, index) => ({
    name,
    address: { kind: 'tcp', host: '127.0.0.1', port: 200 + index } as const,
    weight: 1,
  }));
  return openRig({ foundEdges: [createFakeEdge({ name: 'e0', nodes, mode: 'reload', changeLimits })] });
}

describe('what an operation may take', () => {
  it('is one number for the console and for --dry-run, of the mode that each edge has found', async () => {
    const rig = await openReloading();
    const { controller } = rig;
    for (const kind of ['drain', 'stop', 'restart', 'ready'] as const) {
      const { atMostMs } = await controller.preview(kind, 'a');
      assert.equal((await controller.planOperation(kind, 'a')).atMostMs, atMostMs, kind);
    }
    assert.equal((await controller.preview('drain', 'a')).atMostMs, 400 + 300);
    assert.equal((await controller.preview('ready', 'a')).atMostMs, 1_000 + 200);
  });

  it('is not exceeded by a restart that uses every deadline up, and nearly reached', async () => {
    const rig = await openReloading();
    const { atMostMs } = await rig.controller.preview('restart', 'a');
    const [edge] = rig.edges;
    // from now on: until just before its deadlines, the steps before it included
    edge?.holdNext('remove', delay(380));
    edge?.holdNext('restore', delay(3_600));
    edge?.setInFlight('a', 1);
    rig.node('a').hang();
    rig.node('a').holdStarts(true);
    const beganAt = performance.now();
    const restarting = rig.controller.operate('restart', 'a', quiet);
    await until('it is killed and started', async () => {
      const { nodes } = await rig.controller.status();
      return nodes[0]?.state === 'starting';
    });
    await delay(700);
    rig.node('a').holdStarts(false);
    const { result } = await restarting;
    const ms = performance.now() - beganAt;
    assert.equal(result, 'killed');
    assert.ok(ms <= atMostMs + 100 && ms > 0.75 * atMostMs, `${ms} of ${atMostMs} ms`);
  });
});

describe('what is refused', () => {
  const refusal = async (rig: Rig, kind: OperationKind, node: string): Promise<string> =>
    (await rig.controller.preview(kind, node)).reason ?? '';

  it('E10: names who drained or stopped each node that is missing, and how long ago, also when that has ended', async () => {
    const rig = await openRig();
    await rig.controller.operate('drain', 'b', quiet, { by: 'anna (pid 4711)' });
    await rig.controller.operate('stop', 'c', quiet, { by: 'otto (pid 815)' });
    const wanted =
      /^Cannot take node "a" out of rotation: at least 1 must stay: 0 healthy nodes would be left; node "b" is drained by anna \(pid 4711\), for [\d.]+ m?s; node "c" is stopped by otto \(pid 815\), for [\d.]+ m?s$/;
    const report = await rig.controller.operate('restart', 'a', quiet);
    assert.equal(report.result, 'refused');
    assert.match(report.reason ?? '', wanted);
    assert.match(await refusal(rig, 'restart', 'a'), wanted);
    assert.match((await rig.controller.planOperation('stop', 'a')).refused ?? '', wanted);
    // the next controller knows it too
    rig.crash();
    rigs.splice(rigs.indexOf(rig), 1);
    const next = await openRig(worldOf(rig));
    assert.match(await refusal(next, 'restart', 'a'), wanted);
    await next.controller.operate('ready', 'b', quiet);
    assert.equal(await refusal(next, 'restart', 'a'), '');
  });

  it('names what is out for its health, with the reason', async () => {
    const rig = await openRig({ nodes: ['a', 'b'] });
    rig.sick.add('b');
    await until('b is out', async () => (await rig.controller.status()).nodes[1]?.inRotation === false);
    assert.match(
      await refusal(rig, 'drain', 'a'),
      /; node "b" is unhealthy, for [\d.]+ m?s: 2 checks in a row failed: status 503$/,
    );
  });
});
