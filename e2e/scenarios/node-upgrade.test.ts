import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { HistoryEntry } from '@lameduck/core';
import { assertNothingLost } from '../support/assertions.ts';
import { nodeOf, reportOf, statusOf } from '../support/reports.ts';
import { type RunningService, runService } from '../support/run-service.ts';
import { underLoad } from '../support/under-load.ts';
import { until } from '../support/until.ts';

describe('a node of ours whose master is upgraded by USR2 behind the back of its controller', () => {
  let service: RunningService;
  before(async () => {
    service = await runService({ nodes: ['app', 'app'] });
  });
  after(async () => {
    assert.equal(await service.stop(), 0);
  });

  it('stays in rotation, is known by its new main process, and loses nothing', async () => {
    const { pid = 0 } = await nodeOf(service, 'a');
    const states = new Set<string>();
    const ledger = await underLoad(service, { connections: 20 }, async () => {
      process.kill(pid, 'SIGUSR2');
      await until(
        'the controller knows the new master',
        async () => {
          const node = await nodeOf(service, 'a');
          states.add(`${node.state} ${node.inRotation}`);
          return node.pid !== undefined && node.pid !== pid;
        },
        60_000,
      );
    });
    assertNothingLost(ledger, 100);
    assert.deepEqual([...states], ['ready true']);
    const { json } = await service.lameduck('history', '--json');
    assert.deepEqual(json as HistoryEntry[], []);
  });

  it('can be restarted as before', async () => {
    const restart = await service.lameduck('restart', 'a', '--json');
    assert.equal(reportOf(restart).result, 'exited', restart.stderr);
    assert.ok((await statusOf(service)).nodes.every(({ state }) => state === 'ready'));
  });
});
