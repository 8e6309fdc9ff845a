import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type EdgeView, LameduckError, type OperationReport } from '@lameduck/core';
import {
  makeRig,
  never,
  nodeStatus,
  type Rig,
  type RigOptions,
  until,
  useRigs,
  worldOf,
} from '../support/rig.ts';

const { rigs, openRig } = useRigs();
const quiet = (): void => {};
const quorum = { availability: { require: 'quorum' } };

async function edgeView(rig: Rig, index: number): Promise<EdgeView> {
  const view = (await rig.controller.status()).edges[index];
  assert.ok(view);
  return view;
}

function provedBy({ edges = [] }: OperationReport): readonly string[] {
  return edges.map(({ edge }) => edge);
}

describe('E7: an edge that is down', () => {
  it('stops the operation by `require: all`: nothing is signalled, the others are put back', async () => {
    const rig = await openRig({ edges: 3 });
    rig.edges[1]?.crash();
    const report = await rig.controller.operate('stop', 'a', quiet);
    assert.deepEqual([report.result, report.code], ['failed', 'edgeUnproven']);
    assert.match(report.reason ?? '', /without edge "e1": every edge must prove/);
    assert.deepEqual(rig.node('a').signals(), []);
    assert.deepEqual(
      [0, 2].map((index) => rig.edges[index]?.isOut('a')),
      [false, false],
    );
    assert.equal((await nodeStatus(rig, 'a')).state, 'ready');
  });

  it('is reported by `require: quorum` where a majority has proved, and follows when it is back', async () => {
    const rig = await openRig({ edges: 3, config: quorum });
    rig.edges[1]?.crash();
    const report = await rig.controller.operate('stop', 'a', quiet);
    assert.equal(report.result, 'exited');
    assert.deepEqual(provedBy(report), ['e0', 'e2']);
    assert.deepEqual(report.unproven, ['e1']);
    await until('e1 was started again and has a out', async () => (await edgeView(rig, 1)).isConverged);
    const view = await edgeView(rig, 1);
    assert.deepEqual([view.state, view.out, view.desired], ['ready', ['a'], ['a']]);
  });

  it('starts without the node also where somebody else starts it', async () => {
    const rig = await openRig({ edges: 3, config: quorum });
    rig.edges[1]?.crash();
    assert.equal((await rig.controller.operate('stop', 'a', quiet)).result, 'exited');
    rig.edges[1]?.restart();
    assert.equal(rig.edges[1]?.isOut('a'), true);
    await until('e1 has answered', async () => (await edgeView(rig, 1)).isConverged);
  });

  it('is too much for `require: quorum` where half of the edges are down', async () => {
    const rig = await openRig({ edges: 2, config: quorum });
    rig.edges[1]?.crash();
    const report = await rig.controller.operate('stop', 'a', quiet);
    assert.match(report.reason ?? '', /more than half of the edges/);
    assert.deepEqual(rig.node('a').signals(), []);
    assert.equal(rig.edges[0]?.isOut('a'), false);
  });

  it('takes nobody away from the way back: the node returns where requests are taken, the edge follows', async () => {
    const rig = await openRig({ edges: 3 });
    assert.equal((await rig.controller.operate('drain', 'a', quiet)).result, 'drained');
    rig.edges[2]?.crash();
    const report = await rig.controller.operate('ready', 'a', quiet);
    assert.deepEqual([report.result, report.unproven], ['ready', ['e2']]);
    await until('e2 has a back', async () => (await edgeView(rig, 2)).isConverged);
    assert.equal(rig.edges[2]?.isOut('a'), false);
  });

  it('keeps no failing node in rotation on the others', async () => {
    const rig = await openRig({ edges: 2 });
    rig.edges[1]?.crash();
    rig.sick.add('a');
    await until('a is out on the living edge', () => rig.edges[0]?.isOut('a') === true);
    await until(
      'and on the other, which was started again',
      async () => (await edgeView(rig, 1)).isConverged,
    );
    assert.deepEqual((await edgeView(rig, 1)).out, ['a']);
  });
});

describe('E7: an edge that lives and does not prove', () => {
  it('and whose removal is taken back leaves the node to whoever orders otherwise meanwhile', async () => {
    const rig = await openRig({ edges: 2 });
    const held = Promise.withResolvers<void>();
    rig.edges[0]?.holdNext('restore', held.promise);
    rig.edges[1]?.failNext('remove', new LameduckError('edgeUnproven', 'no proof'));
    const stopping = rig.controller.operate('stop', 'a', quiet);
    await until('it is taken back', () => rig.edges[0]?.calls.includes('restore a') === true);
    const value = JSON.stringify({ isOut: true, write: 'of another controller' });
    await rig.store.txn([], [{ type: 'put', key: 'desired/rotation/a', value }], never);
    assert.equal((await stopping).reason, 'no proof');
    held.resolve();
    await until('the later order is done', () => rig.edges.every((edge) => edge.isOut('a')));
    await new Promise((resolve) => setTimeout(resolve, 100));
    assert.ok(
      rig.edges.every((edge) => edge.isOut('a')),
      'brought back against the later order',
    );
  });

  it('stops the operation by any policy: it may still send to the node', async () => {
    const rig = await openRig({ edges: 3, config: quorum });
    rig.edges[1]?.failNext('remove', new LameduckError('edgeUnproven', 'the control socket is silent'));
    const report = await rig.controller.operate('stop', 'a', quiet);
    assert.deepEqual([report.result, report.reason], ['failed', 'the control socket is silent']);
    assert.deepEqual(rig.node('a').signals(), []);
    for (const edge of rig.edges) assert.equal(edge.isOut('a'), false);
  });

  it('that says "not running" while a process of it lives is not down', async () => {
    const rig = await openRig({ edges: 3, config: quorum });
    // as an nginx whose master was killed and whose workers serve on
    rig.edges[1]?.failNext('remove', new LameduckError('notRunning', 'no master'));
    const report = await rig.controller.operate('stop', 'a', quiet);
    assert.deepEqual([report.result, report.code], ['failed', 'notRunning']);
    assert.deepEqual(rig.node('a').signals(), []);
  });

  it('is asked again until it follows', async () => {
    const rig = await openRig({ edges: 2 });
    await rig.controller.operate('drain', 'a', quiet);
    rig.edges[1]?.failNext('restore', new LameduckError('edgeUnproven', 'no proof today'));
    assert.equal((await rig.controller.operate('ready', 'a', quiet)).result, 'failed');
    await until('e1 has a back', async () => (await edgeView(rig, 1)).isConverged);
    await until('a is in rotation', async () => (await nodeStatus(rig, 'a')).inRotation);
  });
});

describe('an edge that is down when the controller starts', () => {
  /** Three nodes run; of these edges the last one has died, and its address is taken. */
  async function openBeside(config: RigOptions['config'] = {}, edges = 3): Promise<Rig> {
    const first = await openRig({ edges, config });
    first.crash();
    rigs.splice(rigs.indexOf(first), 1);
    const last = first.edges[edges - 1];
    last?.crash();
    last?.occupy(true);
    return openRig({ edges, config, ...worldOf(first) });
  }

  async function assertFollows(rig: Rig, out: readonly string[]): Promise<void> {
    const { length } = rig.edges;
    rig.edges[length - 1]?.occupy(false);
    await until('it follows', async () => (await edgeView(rig, length - 1)).isConverged);
    const { state, out: left } = await edgeView(rig, length - 1);
    assert.deepEqual([state, left], ['ready', out]);
  }

  it('is shown, and keeps no ill node in rotation on the others', async () => {
    const rig = await openBeside();
    const { state, isConverged, reason } = await edgeView(rig, 2);
    assert.deepEqual([state, isConverged, reason], ['stopped', false, 'the fake does not run']);
    rig.sick.add('a');
    await until('a is out', () => [0, 1].every((index) => rig.edges[index]?.isOut('a')));
    await assertFollows(rig, ['a']);
    rig.sick.delete('a');
    await until('a is back', () => rig.edges.every((edge) => !edge.isOut('a')));
  });

  it('has operations refused by `require: all`, which says why; they go on once it is back', async () => {
    const rig = await openBeside();
    const refused = await rig.controller.operate('restart', 'a', quiet);
    assert.deepEqual([refused.result, refused.code], ['failed', 'edgeUnproven']);
    assert.match(refused.reason ?? '', /without edge "e2": every edge must prove .*it must run/);
    assert.deepEqual(rig.node('a').signals(), []);
    await assertFollows(rig, []);
    assert.equal((await rig.controller.operate('restart', 'a', quiet)).result, 'exited');
  });

  it('is reported by `require: quorum`, and starts with what was done meanwhile', async () => {
    const rig = await openBeside(quorum);
    const report = await rig.controller.operate('stop', 'a', quiet);
    assert.deepEqual([report.result, report.unproven], ['exited', ['e2']]);
    await assertFollows(rig, ['a']);
  });

  it('ends no controller where nodes serve, also where it is the only one', async () => {
    const rig = await openBeside({}, 1);
    assert.equal((await nodeStatus(rig, 'a')).state, 'ready');
    await assertFollows(rig, []);
  });

  it('keeps a fresh service from starting only where it is the only one', async () => {
    const alone = makeRig({ edges: 1 });
    alone.edges[0]?.occupy(true);
    await assert.rejects(alone.controller.open(never), { code: 'addressInUse' });
    assert.equal(alone.node('a').running(), undefined);
    const two = makeRig({ edges: 2 });
    two.edges[1]?.occupy(true);
    await two.controller.open(never);
    rigs.push(two);
    await assertFollows(two, []);
  });

  it('whose configuration is refused ends the start: that is nothing to wait for', async () => {
    const rig = makeRig({ edges: 2 });
    rig.edges[1]?.failNext('open', new LameduckError('edgeRejected', 'unknown directive'));
    await assert.rejects(rig.controller.open(never), { code: 'edgeRejected' });
    await rig.controller.close(AbortSignal.abort());
  });
});

describe('what an edge has answered', () => {
  it('is in the report: edge, mode, time from the order, generation', async () => {
    const rig = await openRig({ edges: 2 });
    const { edges = [] } = await rig.controller.operate('restart', 'a', quiet);
    assert.deepEqual(
      edges.map(({ edge, mode }) => [edge, mode]),
      [
        ['e0', 'gate'],
        ['e1', 'gate'],
      ],
    );
    for (const { ms, generation } of edges) assert.ok(ms >= 0 && ms < 1000 && generation > 0);
  });

  it('counts for its own order only: each operation has every edge prove again', async () => {
    const rig = await openRig({ edges: 2 });
    await rig.controller.operate('drain', 'a', quiet);
    const held = Promise.withResolvers<void>();
    rig.edges[1]?.holdNext('remove', held.promise);
    const stopping = rig.controller.operate('stop', 'a', quiet);
    await until(
      'e1 was asked again',
      () => rig.edges[1]?.calls.filter((call) => call === 'remove a').length === 2,
    );
    assert.deepEqual(rig.node('a').signals(), []);
    held.resolve();
    assert.equal((await stopping).result, 'exited');
  });

  it('does not count for the next controller: after its start every edge has proved anew', async () => {
    const first = await openRig({ edges: 2 });
    await first.controller.operate('drain', 'a', quiet);
    first.crash();
    const kept = first.store.contents().get('edges/e0/acks/a');
    const second = await openRig({ edges: 2, ...worldOf(first) });
    await until('both have answered', async () =>
      (await second.controller.status()).edges.every(({ isConverged }) => isConverged),
    );
    assert.ok(kept !== undefined && kept !== second.store.contents().get('edges/e0/acks/a'));
    assert.equal(second.edges[0]?.isOut('a'), true);
    rigs.shift();
  });

  it('is no more written by an owner that has a successor', async () => {
    const first = await openRig({ edges: 1 });
    const held = Promise.withResolvers<void>();
    first.edges[0]?.holdNext('remove', held.promise);
    const draining = first.controller.operate('drain', 'a', quiet);
    await until('the first one is at it', () => first.edges[0]?.calls.includes('remove a') === true);
    // another daemon takes the edge over while the first one is at it
    await first.store.txn([], [{ type: 'put', key: 'edges/e0/owner', value: 'another' }], never);
    held.resolve();
    await until('its answer came too late', () => first.edges[0]?.isOut('a') === true);
    assert.equal(first.store.contents().get('edges/e0/acks/a'), undefined);
    draining.catch(quiet);
  });

  it('and what is desired hold in this process where the store takes no writes', async () => {
    const rig = await openRig({ edges: 2 });
    rig.store.fill(true);
    rig.sick.add('a');
    await until('a is out', () => rig.edges.every((edge) => edge.isOut('a')));
    rig.sick.delete('a');
    await until('a is back', () => rig.edges.every((edge) => !edge.isOut('a')));
    rig.store.fill(false);
  });
});
