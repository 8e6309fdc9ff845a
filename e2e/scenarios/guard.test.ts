import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { assertNothingLost } from '../support/assertions.ts';
import { nodeOf, reportOf, statusOf } from '../support/reports.ts';
import { type RunningService, runService } from '../support/run-service.ts';
import { underLoad } from '../support/under-load.ts';
import { until } from '../support/until.ts';

const mixed = { connections: { get: 8, fresh: 4, post: 4, upload: 2, stream: 2 } };

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
      /one operation at a time is wanted: "restart" of .+ \(pid \d+\) has run for .+ and is at \w+/,
    );
  });

  it('lets two operators not take both of two nodes', async () => {
    const both = await Promise.all([service.lameduck('restart', 'a'), service.lameduck('restart', 'b')]);
    assert.deepEqual(both.map(({ code }) => code).sort(), [0, 6]);
  });
});

describe('the availability guard with a percentage', () => {
  let service: RunningService;
  before(async () => {
    service = await runService({
      nodes: ['app', 'app', 'app', 'app'],
      config: { health: { interval: '100ms' }, availability: { minAvailable: '75%' } },
    });
  });
  after(async () => {
    assert.equal(await service.stop(), 0);
  });

  it('E10: refuses the second of two operators who drain two nodes, and tells who has the first', async () => {
    const ledger = await underLoad(service, mixed, async () => {
      const both = await Promise.all([
        service.lameduck('drain', 'a', '--json'),
        service.lameduck('drain', 'b', '--json'),
      ]);
      assert.deepEqual(both.map(({ code }) => code).sort(), [0, 6]);
      const refused = both.map(reportOf).find(({ result }) => result === 'refused');
      assert.match(
        refused?.reason ?? '',
        /at least 3 must stay: 2 healthy nodes would be left; node "[ab]" is (held by "drain" of \S+ \(pid \d+\), for [\d.]+ m?s, at \w+|drained by \S+ \(pid \d+\), for [\d.]+ m?s)$/,
      );
      const out = (await statusOf(service)).nodes.filter(({ inRotation }) => !inRotation);
      assert.equal(out.length, 1);
      const [held] = out;
      assert.equal((await service.lameduck('ready', held?.name ?? '')).code, 0);
    });
    assertNothingLost(ledger, 200);
  });

  it('E10: goes on with --force, with a line of its own and exit code 8, losing nothing', async () => {
    const ledger = await underLoad(service, mixed, async () => {
      assert.equal((await service.lameduck('drain', 'a')).code, 0);
      const plan = await service.lameduck('restart', 'b', '--dry-run');
      assert.equal(plan.code, 6, plan.stderr);
      assert.match(plan.stdout, /would be refused: .*node "a" is drained by \S+ \(pid \d+\), for [\d.]+ m?s/);
      const forced = await service.lameduck('restart', 'b', '--force');
      assert.equal(forced.code, 8, forced.stderr);
      assert.match(forced.stdout, /overruled: .*at least 3 must stay: 2 healthy nodes would be left/);
      assert.equal((await service.lameduck('ready', 'a')).code, 0);
    });
    assertNothingLost(ledger, 200);
  });

  it('a dry run shows what nginx would get, and touches nothing', async () => {
    const include = join(service.folder, '.lameduck', 'edges', 'edge-1', 'service.conf');
    const before = readFileSync(include, 'utf8');
    const pids = (await statusOf(service)).nodes.map(({ pid }) => pid);
    const { code, stdout } = await service.lameduck('rollout', '--dry-run', '--canary', '1', '--soak', '5s');
    assert.equal(code, 0);
    assert.match(stdout, /1\. canary a {3}b, c, d stay in rotation/);
    assert.match(
      stdout,
      /--- edge-1 .*service\.conf\n@@.*\n[^@]*-# lameduck state=\d+\n\+# lameduck state=\d+ a@\d+/,
    );
    assert.equal(readFileSync(include, 'utf8'), before);
    assert.deepEqual(
      (await statusOf(service)).nodes.map(({ pid }) => pid),
      pids,
    );
  });
});
