import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  addTraffic,
  type NodeTraffic,
  noTraffic,
  type OperationProgress,
  type RolloutReport,
} from '@lameduck/core';
import { createFakeEdge } from '../src/adapters/fake/edge.ts';
import { createFakeHooks, type FakeHooks } from '../src/adapters/fake/hooks.ts';
import {
  makeRig,
  never,
  nodeStatus,
  type Rig,
  type RigOptions,
  until,
  useRigs,
  worldOf,
} from './support/rig.ts';

const quiet = (): void => {};
const canary = { rollout: { canary: 1, soak: '300ms', success: { minRequests: 10 } } };

/** Edge `e0` with counts that a test moves by hand. */
function countingEdge() {
  const counts = new Map<string, NodeTraffic>();
  const nodes = ['a', 'b', 'c'].map((name, index) => ({
    name,
    address: { kind: 'tcp', host: '127.0.0.1', port: 200 + index } as const,
    weight: 1,
  }));
  const edge = Object.assign(createFakeEdge({ name: 'e0', nodes }), { traffic: async () => new Map(counts) });
  return {
    edge,
    add(node: string, requests: number, errors = 0): void {
      const latency = noTraffic.latency.map((_, index) => (index === 3 ? requests : 0));
      const more = { requests, errors, latency, latencySumMs: requests * 10 };
      counts.set(node, addTraffic(counts.get(node) ?? noTraffic, more));
    },
  };
}

function hooksFor(...nodes: readonly string[]): Map<string, FakeHooks> {
  return new Map(nodes.map((node) => [node, createFakeHooks()]));
}

describe('a rollout', () => {
  const { rigs, openRig } = useRigs();

  async function untilSoaking(rig: Rig): Promise<void> {
    await until('it soaks', () => rig.controller.rolloutStatus()?.state === 'soaking');
  }

  /** A rollout whose canary has got its requests. */
  async function soaked(
    requests: number,
    errors: number,
    options: RigOptions = {},
  ): Promise<{ rig: Rig; report: RolloutReport }> {
    const { edge, add } = countingEdge();
    const rig = await openRig({ config: canary, foundEdges: [edge], ...options });
    add('a', 5000, 5000);
    const rollout = rig.controller.rollout({}, quiet);
    await untilSoaking(rig);
    // the watch reads its base line first
    await new Promise((resolve) => setTimeout(resolve, 30));
    add('a', requests, errors);
    add('b', 1000);
    return { rig, report: await rollout };
  }

  it('lets the others follow a canary whose requests went well; what was before it counts nothing', async () => {
    const { report } = await soaked(100, 0);
    assert.equal(report.result, 'done');
    assert.deepEqual(
      report.nodes.map(({ node }) => node),
      ['a', 'b', 'c'],
    );
    const values = report.canary?.criteria.map(({ name, verdict, value }) => [name, verdict, value]);
    assert.deepEqual(values?.slice(0, 3), [
      ['health', 'passed', undefined],
      ['requests', 'passed', 100],
      ['errorRate', 'passed', 0],
    ]);
  });

  it('rolls a canary back that gives errors, and tells its hook why', async () => {
    const hooks = hooksFor('a', 'b', 'c');
    const { rig, report } = await soaked(100, 30, { hooks });
    assert.deepEqual([report.result, report.code, report.untouched], ['aborted', 'canaryFailed', ['b', 'c']]);
    assert.match(report.reason ?? '', /30% of its requests ended with an error/);
    assert.deepEqual(hooks.get('a')?.calls, ['beforeStart deploy', 'rollBack rollBack']);
    assert.match(hooks.get('a')?.reasons[0] ?? '', /30% of its requests/);
    assert.deepEqual(hooks.get('b')?.calls, []);
    assert.equal((await nodeStatus(rig, 'a')).state, 'ready');
  });

  it('pauses where too little came to judge the canary, until somebody has', async () => {
    const { edge } = countingEdge();
    edge.traffic = async () => new Map([['a', { ...noTraffic, inFlight: 0 }]]);
    const rig = await openRig({ config: canary, foundEdges: [edge] });
    const rollout = rig.controller.rollout({}, quiet);
    await until('it is paused', () => rig.controller.rolloutStatus()?.state === 'paused');
    assert.match(
      rig.controller.rolloutStatus()?.reason ?? '',
      /cannot judge the canary: it has had 0 requests/,
    );
    rig.controller.resumeRollout();
    assert.equal((await rollout).canary?.verdict, 'overruled');
  });

  it('fails a canary that falls ill, or that somebody else takes', async () => {
    const sick = await openRig({ config: canary });
    const first = sick.controller.rollout({ soakMs: 60_000 }, quiet);
    await untilSoaking(sick);
    sick.sick.add('a');
    assert.match((await first).reason ?? '', /not healthy: node "a"/);
    const taken = await openRig({ config: canary });
    const second = taken.controller.rollout({ soakMs: 60_000 }, quiet);
    await untilSoaking(taken);
    taken.node('a').hang();
    const stop = taken.controller.operate('stop', 'a', quiet);
    assert.match((await second).reason ?? '', /node "a" was taken by an operation \(stop\)/);
    taken.node('a').finish();
    await stop;
  });

  it('begins nothing while it is paused, and is one at a time', async () => {
    const rig = await openRig();
    rig.node('a').hang();
    const rollout = rig.controller.rollout({ by: 'anna (pid 7)' }, quiet);
    await until('a leaves', () => rig.node('a').signals().length > 0);
    await assert.rejects(rig.controller.rollout({}, quiet), {
      code: 'busy',
      message: /one of anna \(pid 7\) has run for .+ and is running \(a\)/,
    });
    await assert.rejects(rig.controller.operate('stop', 'a', quiet), {
      code: 'busy',
      message: /"restart" of a rollout of anna \(pid 7\) has run for .+ and is at wait/,
    });
    assert.equal(rig.controller.pauseRollout('ben').reason, 'paused by ben');
    rig.node('a').finish();
    await until('a is back', async () => (await nodeStatus(rig, 'a')).state === 'ready');
    assert.deepEqual(rig.controller.rolloutStatus()?.pending, ['b', 'c']);
    rig.controller.resumeRollout();
    assert.equal((await rollout).result, 'done');
    assert.throws(() => rig.controller.abortRollout(), { code: 'notRunning' });
  });

  for (const kind of ['drain', 'stop'] as const) {
    it(`leaves out a node that an operator takes out while it waits (${kind}), and takes one that is put back`, async () => {
      const rig = await openRig({ config: { rollout: { canary: 1, soak: '60s' } } });
      const rollout = rig.controller.rollout({}, quiet);
      await untilSoaking(rig);
      rig.controller.pauseRollout();
      await rig.controller.operate('drain', 'b', quiet);
      await rig.controller.operate(kind, 'c', quiet);
      const { pending, skipped } = rig.controller.rolloutStatus() ?? {};
      assert.deepEqual([pending, skipped], [[], ['b', 'c']]);
      const signals = rig.node('c').signals().length;
      await rig.controller.operate('ready', 'b', quiet);
      await rig.controller.resumeRollout();
      rig.controller.abortRollout();
      const aborted = await rollout;
      assert.deepEqual([aborted.untouched, aborted.skipped], [['b', 'c'], undefined]);
      const { steps, skipped: planned } = await rig.controller.planRollout({ canary: 0 });
      assert.deepEqual([steps.flatMap(({ nodes }) => nodes), planned], [['a', 'b'], ['c']]);
      const report = await rig.controller.rollout({ canary: 0 }, quiet);
      assert.deepEqual([report.result, report.untouched, report.skipped], ['done', ['c'], ['c']]);
      assert.equal(rig.node('c').signals().length, signals);
    });
  }

  it('leaves out what is drained in its soak or under way to it, when the others follow', async () => {
    const rig = await openRig({ nodes: ['a', 'b', 'c', 'd'] });
    rig.node('a').hang();
    const rollout = rig.controller.rollout({}, quiet);
    await until('a leaves', () => rig.node('a').signals().length > 0);
    await rig.controller.operate('drain', 'b', quiet);
    rig.node('d').hang();
    const stop = rig.controller.operate('stop', 'd', quiet);
    await until('d leaves', () => rig.node('d').signals().length > 0);
    rig.node('a').finish();
    const report = await rollout;
    assert.deepEqual(
      [report.result, report.nodes.map(({ node }) => node), report.skipped],
      ['done', ['a', 'c'], ['b', 'd']],
    );
    assert.equal((await nodeStatus(rig, 'b')).state, 'drained');
    rig.node('d').finish();
    assert.equal((await stop).result, 'exited');
    assert.equal((await nodeStatus(rig, 'd')).state, 'stopped');
  });

  it('rolls back a canary that somebody restarts in its soak, when that restart has ended', async () => {
    const hooks = hooksFor('a', 'b', 'c');
    const rig = await openRig({ config: canary, hooks });
    const rollout = rig.controller.rollout({ soakMs: 60_000 }, quiet);
    await untilSoaking(rig);
    rig.node('a').hang();
    const restart = rig.controller.operate('restart', 'a', quiet);
    await until('the rollout waits for it', () => rig.controller.rolloutStatus()?.state === 'aborting');
    rig.node('a').finish();
    assert.equal((await restart).result, 'exited');
    const report = await rollout;
    assert.deepEqual(
      [report.code, report.canary?.reverted.map(({ result }) => result)],
      ['canaryFailed', ['exited']],
    );
    assert.equal(hooks.get('a')?.calls.at(-1)?.startsWith('rollBack'), true);
    assert.equal((await nodeStatus(rig, 'a')).state, 'ready');
  });

  it('does not roll back a canary that an operator has stopped: it stays stopped, and the report says so', async () => {
    const hooks = hooksFor('a', 'b', 'c');
    const rig = await openRig({ config: canary, hooks });
    const rollout = rig.controller.rollout({ soakMs: 60_000 }, quiet);
    await untilSoaking(rig);
    const stop = rig.controller.operate('stop', 'a', quiet);
    const report = await rollout;
    assert.deepEqual(
      [report.code, report.canary?.reverted.map(({ result }) => result)],
      ['canaryFailed', ['refused']],
    );
    assert.match(
      report.canary?.reverted[0]?.reason ?? '',
      /an operator has taken it out; it has the new version/,
    );
    assert.equal((await stop).result, 'exited');
    assert.deepEqual(hooks.get('a')?.calls, ['beforeStart deploy']);
    assert.equal((await nodeStatus(rig, 'a')).state, 'stopped');
  });

  it('is aborted after the batch that runs', async () => {
    const rig = await openRig();
    const rollout = rig.controller.rollout({}, (progress: OperationProgress) => {
      if (progress.type === 'nodeReport') rig.controller.abortRollout('ben');
    });
    const { result, reason, untouched } = await rollout;
    assert.deepEqual([result, reason, untouched], ['aborted', 'aborted by ben', ['b', 'c']]);
  });

  for (const what of ['soak', 'pause'] as const) {
    it(`that waits (${what}) goes on under the next controller`, async () => {
      const hooks = hooksFor('a', 'b', 'c');
      const rig = await openRig({ config: canary, hooks });
      rig.controller.rollout({ soakMs: 400, by: 'anna' }, quiet).catch(quiet);
      await untilSoaking(rig);
      if (what === 'pause') rig.controller.pauseRollout('anna');
      await until('it is noted', () =>
        [...rig.store.contents().values()].some(
          (text) => text.includes('"soaking"') && (what === 'soak' || text.includes('paused by anna')),
        ),
      );
      rig.crash();
      rigs.splice(rigs.indexOf(rig), 1);
      const next = makeRig({ config: canary, hooks, ...worldOf(rig) });
      rigs.push(next);
      await next.controller.open(never);
      const status = next.controller.rolloutStatus();
      assert.deepEqual(
        [status?.state, status?.by, status?.done],
        [what === 'soak' ? 'soaking' : 'paused', 'anna', ['a']],
      );
      if (what === 'pause') next.controller.resumeRollout();
      await until(
        'it is over',
        () =>
          next.controller.rolloutStatus()?.state === 'paused' ||
          next.controller.rolloutStatus()?.state === 'done',
      );
      // criteria were asked for, and the fake edges count nothing: a person decides
      if (next.controller.rolloutStatus()?.state === 'paused') next.controller.resumeRollout();
      await until('it is done', () => next.controller.rolloutStatus()?.state === 'done');
      assert.deepEqual(hooks.get('c')?.calls, ['beforeStart deploy']);
      assert.deepEqual(hooks.get('a')?.calls, ['beforeStart deploy'], 'the canary is not deployed twice');
      const [entry] = (await next.controller.history(10)).filter(({ operation }) => operation === 'rollout');
      assert.equal(entry?.report?.result, 'done');
    });
  }

  it('is counted by its result, and shown by its state while it is under way', async () => {
    const rig = await openRig({ config: { rollout: { canary: 1, soak: '60s' } } });
    const shown = async (): Promise<readonly string[]> =>
      (await rig.controller.metrics.render()).match(/^lameduck_rollouts_.* [1-9]$/gm) ?? [];
    const rollout = rig.controller.rollout({}, quiet);
    await untilSoaking(rig);
    assert.deepEqual(await shown(), ['lameduck_rollouts_in_progress{state="soaking"} 1']);
    rig.controller.pauseRollout();
    assert.deepEqual(await shown(), ['lameduck_rollouts_in_progress{state="paused"} 1']);
    rig.controller.abortRollout();
    await rollout;
    await rig.controller.rollout({ canary: 0 }, quiet);
    assert.deepEqual(await shown(), [
      'lameduck_rollouts_total{result="done"} 1',
      'lameduck_rollouts_total{result="aborted"} 1',
    ]);
  });

  it('takes only the nodes that are asked for', async () => {
    const rig = await openRig();
    const report = await rig.controller.rollout({ only: ['b'] }, quiet);
    assert.deepEqual([report.nodes.map(({ node }) => node), report.untouched], [['b'], ['a', 'c']]);
    await assert.rejects(rig.controller.rollout({ only: ['x'] }, quiet), { code: 'noSuchNode' });
  });
});

describe('a plan', () => {
  const { openRig } = useRigs();

  it('says who leaves when, what stays, the deadlines and hooks, and touches nothing', async () => {
    const hooks = hooksFor('a');
    const rig = await openRig({ config: { rollout: { canary: 1, soak: '5s' } }, hooks });
    const calls = rig.edges[0]?.calls.length;
    const plan = await rig.controller.planRollout({ batch: 2 });
    assert.deepEqual(
      plan.steps.map(({ nodes, isCanary, stays }) => [nodes, isCanary, stays]),
      [
        [['a'], true, ['b', 'c']],
        [['b', 'c'], false, ['a']],
      ],
    );
    assert.deepEqual(plan.steps[0]?.hooks, [
      { node: 'a', beforeStart: './beforeStart', rollBack: './rollBack' },
    ]);
    assert.ok(plan.steps[0]?.phases.some(({ name, atMostMs }) => name === 'deploy' && atMostMs === 1000));
    assert.equal(plan.soak?.ms, 5000);
    assert.equal(plan.refused, undefined);
    assert.equal(rig.edges[0]?.calls.length, calls);
    assert.deepEqual(rig.node('a').signals(), []);
  });

  it('says what would be refused, and what force would overrule', async () => {
    const rig = await openRig({ config: { availability: { minAvailable: '100%' } } });
    const plan = await rig.controller.planOperation('drain', 'a');
    assert.match(plan.refused ?? '', /at least 3 must stay: 2 healthy nodes would be left/);
    const forced = await rig.controller.planOperation('drain', 'a', { force: true });
    assert.deepEqual([forced.refused, typeof forced.overruled], [undefined, 'string']);
    await assert.rejects(rig.controller.planOperation('start', 'a'), { code: 'usage' });
  });
});

describe('force', () => {
  const { openRig } = useRigs();

  it('overrules the guard and says so; never the proof of the edges', async () => {
    const rig = await openRig({ config: { availability: { minAvailable: 3 } } });
    assert.equal((await rig.controller.operate('drain', 'a', quiet)).result, 'refused');
    const report = await rig.controller.operate('drain', 'a', quiet, { force: true });
    assert.equal(report.result, 'drained');
    assert.match(report.overruled ?? '', /at least 3 must stay/);
    rig.edges[0]?.crash();
    const unproven = await rig.controller.operate('restart', 'b', quiet, { force: true });
    assert.equal(unproven.result, 'failed');
    assert.deepEqual(rig.node('b').signals(), []);
  });

  it('E10: the second of two operators is told who has taken the other node, and since when', async () => {
    const rig = await openRig({
      nodes: ['a', 'b', 'c', 'd'],
      config: { availability: { minAvailable: '75%' } },
    });
    rig.node('a').hang();
    const first = rig.controller.operate('stop', 'a', quiet, { by: 'anna (pid 7)' });
    await until('a leaves', () => rig.node('a').signals().length > 0);
    const second = await rig.controller.operate('drain', 'b', quiet, { by: 'ben (pid 8)' });
    assert.equal(second.result, 'refused');
    assert.match(
      second.reason ?? '',
      /2 healthy nodes would be left; node "a" is held by "stop" of anna \(pid 7\), for .+, at wait$/,
    );
    rig.node('a').finish();
    assert.equal((await first).result, 'exited');
  });
});
