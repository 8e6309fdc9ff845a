import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { assertNothingLost } from '../support/assertions.ts';
import { nodeOf, reportOf } from '../support/reports.ts';
import { type RunningService, runService } from '../support/run-service.ts';
import { underLoad } from '../support/under-load.ts';
import { until } from '../support/until.ts';

describe('the availability guard', () => {
  let service: RunningService;
  before(async () => {
    service = await runService({ nodes: ['app', 'app'], config: { health: { interval: '100ms' } } });
  });
  after(async () => {
    assert.equal(await service.stop(), 0);
  });

  it('E11: refuses to take the last node out, exit code 6, and traffic never notices', async () => {
    const ledger = await underLoad(service, { connections: 20 }, async () => {
      assert.equal((await service.lameduck('stop', 'a')).code, 0);
      for (const operation of ['stop', 'restart', 'drain']) {
        const result = await service.lameduck(operation, 'b', '--json');
        assert.equal(result.code, 6, result.stderr);
        const report = reportOf(result);
        assert.equal(report.result, 'refused');
        assert.match(report.reason ?? '', /at least 1 must stay: 0 healthy nodes would be left/);
      }
      const node = await nodeOf(service, 'b');
      assert.deepEqual([node.state, node.inRotation], ['ready', true]);
      assert.equal((await service.lameduck('start', 'a')).code, 0);
    });
    assertNothingLost(ledger, 200);
  });

  it('E11: refuses also when checks say that every node is down, and keeps sending to them', async () => {
    const pids = await Promise.all(['a', 'b'].map(async (name) => (await nodeOf(service, name)).pid ?? 0));
    const workers = await Promise.all(['a', 'b'].map(async (name) => (await nodeOf(service, name)).workers));
    const all = workers.flat().map(({ pid }) => pid);
    for (const pid of all) process.kill(pid, 'SIGSTOP');
    try {
      await until('both nodes fail their checks', async () => {
        const nodes = await Promise.all(['a', 'b'].map((name) => nodeOf(service, name)));
        return nodes.every(({ health }) => health === 'down');
      });
      const nodes = await Promise.all(['a', 'b'].map((name) => nodeOf(service, name)));
      assert.equal(nodes.filter(({ inRotation }) => inRotation).length, 1, 'one must be kept in rotation');
      const kept = nodes.find(({ inRotation }) => inRotation)?.name ?? '';
      assert.equal((await service.lameduck('stop', kept)).code, 6);
    } finally {
      for (const pid of all) process.kill(pid, 'SIGCONT');
    }
    await until('both are back in rotation', async () => {
      const back = await Promise.all(['a', 'b'].map((name) => nodeOf(service, name)));
      return back.every(({ state, inRotation }) => state === 'ready' && inRotation);
    });
    assert.equal(pids.length, 2);
  });

  it('lets two operators take one node only once: the second is told who holds it', async () => {
    const both = await Promise.all([service.lameduck('restart', 'a'), service.lameduck('restart', 'a')]);
    assert.deepEqual(both.map(({ code }) => code).sort(), [0, 1]);
    assert.match(
      both.find(({ code }) => code === 1)?.stderr ?? '',
      /one operation at a time is wanted: "restart"/,
    );
  });

  it('lets two operators not take both of two nodes', async () => {
    const both = await Promise.all([service.lameduck('restart', 'a'), service.lameduck('restart', 'b')]);
    assert.deepEqual(both.map(({ code }) => code).sort(), [0, 6]);
  });
});
