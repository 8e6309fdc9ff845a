import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, describe, it } from 'node:test';
import { assertNothingLost } from '../support/assertions.ts';
import { nodeOf, reportOf, statusOf } from '../support/reports.ts';
import { type RunningService, runService, startUp } from '../support/run-service.ts';
import { underLoad } from '../support/under-load.ts';
import { until } from '../support/until.ts';

describe('a controller that is killed', () => {
  let service: RunningService;
  before(async () => {
    service = await runService({ nodes: ['app', 'gunicorn', 'app'] });
  });
  after(async () => {
    assert.equal(await service.stop(), 0);
  });

  async function killAndStartAgain(): Promise<void> {
    const exited = once(service.up, 'exit');
    service.up.kill('SIGKILL');
    await exited;
    service = await startUp(service);
  }

  it('stops no node and no nginx; the next one adopts them and keeps the drain; nothing is lost', async () => {
    const before = await statusOf(service);
    const ledger = await underLoad(service, { connections: 30 }, async () => {
      assert.equal((await service.lameduck('drain', 'c')).code, 0);
      await killAndStartAgain();
      const now = await statusOf(service);
      assert.deepEqual(
        [...now.nodes, ...now.edges].map(({ pid }) => pid),
        [...before.nodes, ...before.edges].map(({ pid }) => pid),
      );
      assert.equal((await nodeOf(service, 'c')).state, 'drained');
      await until('a and b are known to be healthy', async () =>
        (await statusOf(service)).nodes.slice(0, 2).every(({ state }) => state === 'ready'),
      );
      const restarted = await service.lameduck('restart', 'a', '--json');
      assert.equal(reportOf(restarted).result, 'exited', restarted.stdout + restarted.stderr);
      assert.equal((await service.lameduck('ready', 'c')).code, 0);
    });
    assertNothingLost(ledger, 500);
  });

  it('in the middle of a restart loses nothing and leaves no node out', async () => {
    const ledger = await underLoad(service, { connections: 30 }, async () => {
      const restart = service.lameduck('restart', 'b', '--json');
      await until('b is out of rotation', async () => !(await nodeOf(service, 'b')).inRotation);
      await killAndStartAgain();
      assert.notEqual((await restart).code, 0, 'the command must not claim success');
      await until('all nodes are back', async () =>
        (await statusOf(service)).nodes.every(({ state, inRotation }) => state === 'ready' && inRotation),
      );
    });
    assertNothingLost(ledger, 500);
    const { json } = await service.lameduck('history', '--json');
    const unfinished = (json as { operation: string; report?: unknown }[]).find(
      ({ report }) => report === undefined,
    );
    assert.equal(unfinished?.operation, 'restart');
  });

  it('is not run twice: a second one is refused and harms nothing', async () => {
    const second = await service.lameduck('up');
    assert.equal(second.code, 1);
    assert.match(second.stderr, /another controller/);
    assert.equal((await statusOf(service)).nodes.filter(({ state }) => state === 'ready').length, 3);
  });
});
