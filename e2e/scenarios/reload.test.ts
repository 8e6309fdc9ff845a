import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { assertNothingLost, assertOnlyIdleResets } from '../support/assertions.ts';
import { childrenOf } from '../support/edge-processes.ts';
import { reportOf, statusOf } from '../support/reports.ts';
import { type RunningService, runService } from '../support/run-service.ts';
import { underLoad } from '../support/under-load.ts';

describe('reload mode, stock nginx, both stacks', () => {
  let service: RunningService;
  before(async () => {
    service = await runService({ nodes: ['app', 'app', 'gunicorn'], mode: 'reload' });
  });
  after(async () => {
    assert.equal(await service.stop(), 0);
  });

  it('E2: with a fresh connection for each request nothing is lost', async () => {
    const ledger = await underLoad(
      service,
      { connections: { fresh: 40 }, ratePerConnection: 15 },
      async () => {
        for (const name of ['a', 'c']) {
          const result = await service.lameduck('restart', name, '--json');
          assert.equal(reportOf(result).result, 'exited', result.stdout);
        }
      },
    );
    assertNothingLost(ledger, 500);
  });

  it('E2: with keep-alive only idle client connections are reset, no answer is cut and no error is made', async () => {
    const ledger = await underLoad(service, { connections: 40 }, async () => {
      for (const name of ['b', 'c']) {
        const result = await service.lameduck('restart', name, '--json');
        assert.equal(reportOf(result).result, 'exited', result.stdout);
      }
    });
    assertOnlyIdleResets(ledger, 500);
  });

  it('signals no node while an nginx worker of the configuration before lives', async () => {
    const ledger = await underLoad(service, { connections: 40 }, async () => {
      const watched = watchOldWorkers(service, 'a', (await statusOf(service)).edges[0]?.pid ?? 0);
      const result = await service.lameduck('restart', 'a', '--json');
      assert.equal(reportOf(result).result, 'exited', result.stdout);
      const { sawOld, signalledWhileOld } = await watched.stop();
      assert.ok(sawOld, 'the watch never saw an old worker: it proves nothing');
      assert.ok(!signalledWhileOld, 'SIGTERM reached the node while an old nginx worker could still pick it');
    });
    assertOnlyIdleResets(ledger, 200);
  });
});

/** Looks every 2 ms: which nginx workers from before still live, and has the node's master noted SIGTERM yet? */
function watchOldWorkers(
  service: RunningService,
  node: string,
  master: number,
): { stop(): Promise<{ sawOld: boolean; signalledWhileOld: boolean }> } {
  const log = join(service.folder, '.lameduck', 'nodes', node, 'node.log');
  const old = new Set(childrenOf(master));
  const seenBefore = countSignals(log);
  let isStopped = false;
  let sawOld = false;
  let signalledWhileOld = false;
  async function watch(): Promise<void> {
    while (!isStopped) {
      // read the log first: a worker that lived after the signal was noted is the fault we look for
      const isSignalled = countSignals(log) > seenBefore;
      const living = childrenOf(master);
      const oldLives = living.some((pid) => old.has(pid));
      if (oldLives && living.some((pid) => !old.has(pid))) sawOld = true;
      if (oldLives && isSignalled) signalledWhileOld = true;
      // once the node is signalled there is nothing more to see; its return makes new generations
      if (isSignalled) return;
      await pause(2);
    }
  }
  const watching = watch();
  return {
    async stop() {
      isStopped = true;
      await watching;
      return { sawOld, signalledWhileOld };
    },
  };
}

function countSignals(log: string): number {
  return readFileSync(log, 'utf8').split('"SIGTERM"').length;
}
