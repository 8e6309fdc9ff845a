import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import type { HistoryEntry, ServiceStatus } from '@lameduck/core';
import { assertNothingLost } from '../support/assertions.ts';
import { allServe, serveWithDaemon } from '../support/daemon.ts';
import { statusOf } from '../support/reports.ts';
import type { RunningService } from '../support/run-service.ts';
import { underLoad } from '../support/under-load.ts';
import { until } from '../support/until.ts';

function pids({ nodes, edges }: ServiceStatus): readonly (number | undefined)[] {
  return [...nodes, ...edges].map(({ pid }) => pid);
}

/** How many steps operations have taken so far. */
function stepsOf({ folder }: RunningService): number {
  const log = readFileSync(join(folder, '.lameduck', 'controller.log'), 'utf8');
  return log.match(/"operation step"/g)?.length ?? 0;
}

describe('a daemon', () => {
  const world = serveWithDaemon();

  it('is restarted ten times under load, also by SIGKILL and in the middle of an operation: nothing is lost', async (t) => {
    const before = await statusOf(world.service);
    const ledger = await underLoad(world.service, { connections: 30 }, async () => {
      for (const by of ['SIGTERM', 'SIGKILL', 'SIGTERM', 'SIGKILL'] as const) await world.restart(by);
      assert.deepEqual(pids(await statusOf(world.service)), pids(before), 'nodes and nginx are untouched');
      const operations = [
        ['restart', 'a', 'SIGTERM'],
        ['restart', 'b', 'SIGKILL'],
        ['restart', 'c', 'SIGTERM'],
        ['rollout', undefined, 'SIGTERM'],
        ['drain', 'a', 'SIGKILL'],
        ['restart', 'b', 'SIGTERM'],
      ] as const;
      for (const [index, [operation, node, by]] of operations.entries()) {
        await until('all serve', () => allServe(world.service), 60_000);
        const steps = stepsOf(world.service);
        const asked = world.service.lameduck(operation, ...(node === undefined ? [] : [node]));
        await until(`${operation} has begun`, () => stepsOf(world.service) > steps, 60_000);
        // another moment of the operation each time
        await pause(index * 60);
        await world.restart(by);
        t.diagnostic(`${operation} ${node ?? ''} ${by}: exit code ${(await asked).code}`);
        if (operation === 'drain') await world.service.lameduck('ready', 'a');
      }
      await until('all serve', () => allServe(world.service), 60_000);
    });
    assertNothingLost(ledger, 1000);
    t.diagnostic(`10 restarts of the daemon, ${ledger.sent} requests, ${ledger.lost} lost`);
    const { json } = await world.service.lameduck('history', '--json');
    assert.ok(
      (json as HistoryEntry[]).every(({ report }) => report !== undefined),
      'nothing is left under way',
    );
  });
});
