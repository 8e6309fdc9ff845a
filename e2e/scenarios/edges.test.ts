import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { after, before, describe, it } from 'node:test';
import type { EdgeView } from '@lameduck/core';
import { ask } from '../support/ask.ts';
import { assertNothingLost } from '../support/assertions.ts';
import { loadOn } from '../support/edge-loads.ts';
import { edgeProcesses, killEdge } from '../support/edge-processes.ts';
import { freePorts } from '../support/ports.ts';
import { nodeOf, reportOf, statusOf } from '../support/reports.ts';
import { type RunningService, runService, startUp } from '../support/run-service.ts';
import { until } from '../support/until.ts';

/** A service of three nodes behind this many managed edges. */
async function openService(
  count: number,
  require: 'all' | 'quorum',
): Promise<{ service: RunningService; ports: readonly number[] }> {
  const ports = await freePorts(count);
  const edges = ports.map((port, index) => ({
    name: `edge-${index + 1}`,
    listen: `127.0.0.1:${port}`,
    mode: 'gate',
  }));
  const config = { edges, availability: { require } };
  return { service: await runService({ nodes: ['app', 'gunicorn', 'app'], config }), ports };
}

async function edgeOf(service: RunningService, name: string): Promise<EdgeView> {
  const edge = (await statusOf(service)).edges.find((candidate) => candidate.name === name);
  assert.ok(edge);
  return edge;
}

/** Holds the port of a dead edge, so that it cannot be started. */
async function occupy(port: number): Promise<Server> {
  const server = createServer().listen(port, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

async function isFollowing(service: RunningService, name: string): Promise<boolean> {
  const { state, isConverged } = await edgeOf(service, name);
  return state === 'ready' && isConverged;
}

describe('E7: one of three edges is unreachable, availability.require: all', () => {
  let service: RunningService;
  let ports: readonly number[];
  before(async () => {
    ({ service, ports } = await openService(3, 'all'));
  });
  after(async () => {
    assert.equal(await service.stop(), 0);
  });

  it('dead: nothing is signalled, the others take the node back, nothing is lost there', async () => {
    await killEdge(service, 'edge-2');
    const held = await occupy(ports[1] ?? 0);
    const { pid } = await nodeOf(service, 'a');
    const ledgers = await loadOn(service, [ports[0] ?? 0, ports[2] ?? 0], async () => {
      const stopped = await service.lameduck('stop', 'a', '--json');
      assert.equal(stopped.code, 7, stopped.stderr);
      assert.match(reportOf(stopped).reason ?? '', /without edge "edge-2": every edge must prove/);
      const node = await nodeOf(service, 'a');
      assert.deepEqual([node.pid, node.state, node.inRotation], [pid, 'ready', true]);
      for (const name of ['edge-1', 'edge-3']) assert.deepEqual((await edgeOf(service, name)).out, []);
    });
    for (const ledger of ledgers) assertNothingLost(ledger, 50);
    held.close();
    await until('edge-2 runs again and follows', () => isFollowing(service, 'edge-2'), 30_000);
    assert.equal((await ask(`http://127.0.0.1:${ports[1]}`, 'GET', '/')).status < 500, true);
    assert.equal((await service.lameduck('restart', 'a')).code, 0);
  });

  it('dead when the controller starts anew: nothing is lost at the others, it is shown, and follows once it can', async () => {
    await killEdge(service, 'edge-2');
    const held = await occupy(ports[1] ?? 0);
    const ended = once(service.up, 'close');
    service.up.kill('SIGKILL');
    await ended;
    const ledgers = await loadOn(service, [ports[0] ?? 0, ports[2] ?? 0], async () => {
      service = await startUp(service);
      const { state, isConverged } = await edgeOf(service, 'edge-2');
      assert.deepEqual([state, isConverged], ['stopped', false]);
      const stopped = await service.lameduck('stop', 'a');
      assert.equal(stopped.code, 7, stopped.stderr);
      assert.match(stopped.stdout, /without edge "edge-2": every edge must prove/);
      assert.equal((await nodeOf(service, 'a')).state, 'ready');
    });
    for (const ledger of ledgers) assertNothingLost(ledger, 50);
    held.close();
    await until('edge-2 runs again and follows', () => isFollowing(service, 'edge-2'), 30_000);
    assert.equal((await service.lameduck('restart', 'a')).code, 0);
  });
});

describe('E7: one of three edges is unreachable, availability.require: quorum', () => {
  let service: RunningService;
  let ports: readonly number[];
  before(async () => {
    ({ service, ports } = await openService(3, 'quorum'));
  });
  after(async () => {
    assert.equal(await service.stop(), 0);
  });

  it('dead: the others prove it, the report names it, nothing is lost there; it follows when it returns', async () => {
    await killEdge(service, 'edge-2');
    const held = await occupy(ports[1] ?? 0);
    const ledgers = await loadOn(service, [ports[0] ?? 0, ports[2] ?? 0], async () => {
      const report = reportOf(await service.lameduck('stop', 'a', '--json'));
      assert.deepEqual([report.result, report.unproven], ['exited', ['edge-2']], report.reason);
      assert.deepEqual(
        report.edges?.map(({ edge, mode }) => [edge, mode]),
        [
          ['edge-1', 'gate'],
          ['edge-3', 'gate'],
        ],
      );
      const view = await edgeOf(service, 'edge-2');
      assert.deepEqual([view.state, view.desired, view.isConverged], ['stopped', ['a'], false]);
      held.close();
      await until('edge-2 runs again and follows', () => isFollowing(service, 'edge-2'), 30_000);
      assert.deepEqual((await edgeOf(service, 'edge-2')).out, ['a']);
      assert.equal((await service.lameduck('start', 'a')).code, 0);
      assert.deepEqual((await edgeOf(service, 'edge-2')).out, []);
    });
    for (const ledger of ledgers) assertNothingLost(ledger, 50);
  });

  it('killed in the middle of an operation: that goes on, and the edge returns with the node out', async () => {
    const ledgers = await loadOn(service, [ports[0] ?? 0, ports[2] ?? 0], async () => {
      const restarting = service.lameduck('restart', 'b', '--json');
      await until('b is out of rotation', async () => !(await nodeOf(service, 'b')).inRotation);
      await killEdge(service, 'edge-2');
      const report = reportOf(await restarting);
      assert.equal(report.result, 'exited', report.reason);
      await until('edge-2 runs again and follows', () => isFollowing(service, 'edge-2'), 30_000);
      assert.equal((await nodeOf(service, 'b')).inRotation, true);
    });
    for (const ledger of ledgers) assertNothingLost(ledger, 50);
  });

  it('frozen: it lives and may still send to the node, so nothing is signalled; it follows when it thaws', async () => {
    const frozen = await edgeProcesses(service, 'edge-3');
    const { pid } = await nodeOf(service, 'c');
    for (const one of frozen) process.kill(one, 'SIGSTOP');
    try {
      const ledgers = await loadOn(service, ports.slice(0, 2), async () => {
        const stopped = await service.lameduck('stop', 'c', '--json');
        assert.equal(stopped.code, 7, stopped.stdout);
        assert.equal((await nodeOf(service, 'c')).pid, pid);
        assert.deepEqual((await edgeOf(service, 'edge-1')).out, []);
      });
      for (const ledger of ledgers) assertNothingLost(ledger, 50);
    } finally {
      for (const one of frozen) process.kill(one, 'SIGCONT');
    }
    await until('edge-3 follows', () => isFollowing(service, 'edge-3'), 30_000);
    assert.equal((await service.lameduck('restart', 'c')).code, 0);
  });
});

describe('ten edges', () => {
  let service: RunningService;
  let ports: readonly number[];
  before(async () => {
    ({ service, ports } = await openService(10, 'all'));
  });
  after(async () => {
    assert.equal(await service.stop(), 0);
  });

  it('prove within a moment that a node is out, and lose nothing', async (t) => {
    const ledgers = await loadOn(service, ports.slice(0, 1), async () => {
      for (let round = 0; round < 3; round += 1) {
        const report = reportOf(await service.lameduck('drain', 'b', '--json'));
        assert.equal(report.edges?.length, 10, report.reason);
        const slowest = Math.max(...(report.edges ?? []).map(({ ms }) => ms));
        t.diagnostic(`the slowest of ten proofs after ${slowest} ms`);
        // each edge tests its file with its own nginx: ten processes on a machine that does other work, too
        assert.ok(slowest < 5000, `${slowest} ms`);
        assert.equal((await service.lameduck('ready', 'b')).code, 0);
      }
    });
    for (const ledger of ledgers) assertNothingLost(ledger, 50);
  });
});
