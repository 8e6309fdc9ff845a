import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type EdgeView, LameduckError, type OperationReport } from '@lameduck/core';
import { never, nodeStatus, type Rig, until, useRigs, worldOf } from '../support/rig.ts';

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
