import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { assertNothingLost } from '../support/assertions.ts';
import { nodeOf, reportOf, rolloutOf, statusOf } from '../support/reports.ts';
import { type RunningService, runService } from '../support/run-service.ts';
import { underLoad } from '../support/under-load.ts';
import { isRunning } from '../support/until.ts';

describe('gate mode, four nodes of both stacks', () => {
  let service: RunningService;
  before(async () => {
    service = await runService({ nodes: ['app', 'app', 'gunicorn', 'gunicorn'], mode: 'gate' });
  });
  after(async () => {
    assert.equal(await service.stop(), 0);
  });

  it('E1: one of four is drained and killed under mixed load: nothing is lost, nothing is executed twice', async () => {
    const ledger = await underLoad(service, { connections: 40 }, async () => {
      const drained = await service.lameduck('drain', 'c', '--json');
      assert.equal(drained.code, 0, drained.stderr);
      assert.equal(reportOf(drained).result, 'drained');
      const node = await nodeOf(service, 'c');
      assert.deepEqual([node.state, node.inRotation, node.inFlight], ['drained', false, 0]);
      for (const { pid } of node.workers) process.kill(pid, 'SIGKILL');
      const stopped = await service.lameduck('stop', 'c', '--json');
      assert.equal(stopped.code, 0, stopped.stderr);
      const started = await service.lameduck('start', 'c', '--json');
      assert.equal(reportOf(started).result, 'started', started.stdout);
    });
    assertNothingLost(ledger, 500);
  });

  it('restarts a node of each stack in the order of the procedure, losing nothing', async () => {
    const ledger = await underLoad(service, { connections: 40 }, async () => {
      for (const name of ['a', 'd']) {
        const pid = (await nodeOf(service, name)).pid;
        const result = await service.lameduck('restart', name, '--json');
        const report = reportOf(result);
        assert.equal(result.code, 0, JSON.stringify(report));
        assert.equal(report.result, 'exited');
        assert.deepEqual(
          report.phases.map((phase) => phase.name),
          ['check', 'remove', 'drain', 'terminate', 'wait', 'start', 'health', 'return'],
        );
        assert.deepEqual([report.lost, report.answered, report.killed], [0, report.inFlight, []]);
        assert.ok(pid !== undefined && !(await isRunning(pid)));
      }
    });
    assertNothingLost(ledger, 1000);
  });

  it('rolls out over all nodes, two at a time, losing nothing', async () => {
    const ledger = await underLoad(service, { connections: 40 }, async () => {
      const before = await statusOf(service);
      const result = await service.lameduck('rollout', '--batch', '2', '--json');
      const report = rolloutOf(result);
      assert.equal(result.code, 0, JSON.stringify(report));
      assert.equal(report.result, 'done');
      assert.deepEqual(
        report.nodes.map((node) => node.result),
        ['exited', 'exited', 'exited', 'exited'],
      );
      const now = await statusOf(service);
      for (const [index, node] of now.nodes.entries()) {
        assert.equal(node.state, 'ready');
        assert.notEqual(node.pid, before.nodes[index]?.pid);
      }
    });
    assertNothingLost(ledger, 1000);
  });

  it('E19: no POST meets a connection of the process before the restart', async () => {
    const ledger = await underLoad(
      service,
      { connections: { post: 20, postRandom: 10 }, ratePerConnection: 40 },
      async () => {
        for (const name of ['c', 'b', 'c', 'b']) {
          assert.equal((await service.lameduck('restart', name)).code, 0);
        }
      },
    );
    assertNothingLost(ledger, 1000);
  });

  it('keeps what was done in its history', async () => {
    const { json } = await service.lameduck('history', '--json');
    const [last] = json as { operation: string; subject: string; report: { result: string } }[];
    assert.deepEqual([last?.operation, last?.subject, last?.report.result], ['restart', 'b', 'exited']);
  });
});
