import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import type { HistoryEntry } from '@lameduck/core';
import { assertNothingLost } from '../support/assertions.ts';
import { allServe, serveWithDaemon } from '../support/daemon.ts';
import { copyPackage } from '../support/package-copy.ts';
import { nodeOf, reportOf, statusOf } from '../support/reports.ts';
import { makeRunFolder } from '../support/run-service.ts';
import { underLoad } from '../support/under-load.ts';
import { until } from '../support/until.ts';

describe('a daemon that is upgraded', () => {
  const world = serveWithDaemon();
  const folder = makeRunFolder();
  let next = '';
  before(() => {
    next = copyPackage(folder, '99.1.0');
  });
  after(() => rmSync(folder, { recursive: true }));

  async function assertVersion(version: string | undefined): Promise<void> {
    assert.equal((await statusOf(world.service)).version, version);
    await until('all serve', () => allServe(world.service), 60_000);
  }

  it('another version takes over store, edges and an operation under way, and the one before again; lost 0', async (t) => {
    const before = await statusOf(world.service);
    const ledger = await underLoad(world.service, { connections: 30 }, async () => {
      await world.restart('SIGTERM', next);
      await assertVersion('99.1.0');
      const now = await statusOf(world.service);
      assert.deepEqual(
        [...now.nodes, ...now.edges].map(({ pid }) => pid),
        [...before.nodes, ...before.edges].map(({ pid }) => pid),
      );
      assert.equal(reportOf(await world.service.lameduck('restart', 'a', '--json')).result, 'exited');
      for (const launcher of [undefined, next]) {
        const asked = world.service.lameduck('restart', 'b');
        await until('b is out of rotation', async () => !(await nodeOf(world.service, 'b')).inRotation);
        await world.restart('SIGKILL', launcher);
        await assertVersion(launcher === undefined ? before.version : '99.1.0');
        t.diagnostic(`restart b while the daemon is replaced: exit code ${(await asked).code}`);
      }
    });
    assertNothingLost(ledger, 1000);
    t.diagnostic(`3 changes of the version, ${ledger.sent} requests, ${ledger.lost} lost`);
    const { json } = await world.service.lameduck('history', '--json');
    assert.ok((json as HistoryEntry[]).every(({ report }) => report !== undefined));
  });
});
