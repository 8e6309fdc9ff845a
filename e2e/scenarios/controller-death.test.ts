import assert from 'node:assert/strict';
import { once } from 'node:events';
import { rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { HistoryEntry, OperationReport } from '@lameduck/core';
import { assertNothingLost } from '../support/assertions.ts';
import { nodeOf, reportOf, statusOf } from '../support/reports.ts';
import {
  makeRunFolder,
  type RunningService,
  runService,
  type StartOptions,
  startUp,
} from '../support/run-service.ts';
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
    const [newest] = json as HistoryEntry[];
    assert.deepEqual([newest?.operation, newest?.report?.result], ['restart', 'failed']);
    assert.match(newest?.report?.reason ?? '', /^the controller ended in phase \w+; (resumed|reverted)$/);
  });

  it('is not run twice: a second one is refused and harms nothing', async () => {
    const second = await service.lameduck('up');
    assert.equal(second.code, 1);
    assert.match(second.stderr, /another controller/);
    assert.equal((await statusOf(service)).nodes.filter(({ state }) => state === 'ready').length, 3);
  });
});

/** Where the controller kills itself, who has asked for what, and what the next one makes of it. */
const deaths: readonly [
  point: string,
  node: string,
  command: 'restart' | 'drain' | 'SIGTERM',
  settled: string,
][] = [
  ['before remove', 'a', 'restart', 'reverted'],
  ['after desire', 'a', 'restart', 'reverted'],
  ['before acknowledge', 'c', 'drain', 'reverted'],
  ['after acknowledge', 'b', 'restart', 'reverted'],
  ['after remove', 'b', 'restart', 'reverted'],
  ['before terminate', 'a', 'restart', 'resumed'],
  ['after terminate', 'b', 'restart', 'resumed'],
  ['after awaitExit', 'c', 'restart', 'resumed'],
  ['after start', 'b', 'restart', 'resumed'],
  ['before settle', 'a', 'restart', 'resumed'],
  ['before settle', 'c', 'drain', 'reverted'],
  ['after remove', 'a', 'SIGTERM', 'resumed'],
];

describe('E9: a controller that is killed at an effect of an operation', () => {
  let service: RunningService;
  let dieFile: string;
  let how: StartOptions;
  before(async () => {
    const folder = makeRunFolder();
    dieFile = join(folder, 'die-at');
    how = {
      nodeArguments: ['--import', join(import.meta.dirname, '..', 'support', 'die-on-demand.ts')],
      environment: { LAMEDUCK_TEST_DIE_FILE: dieFile },
    };
    service = await runService({ nodes: ['app', 'gunicorn', 'app'], mode: 'gate' }, how);
  });
  after(async () => {
    assert.equal(await service.stop(), 0);
    rmSync(dirname(dieFile), { recursive: true });
  });

  async function dieAndStartAgain([point, node, command]: (typeof deaths)[number]): Promise<OperationReport> {
    const exited = once(service.up, 'exit');
    writeFileSync(dieFile, point);
    if (command === 'SIGTERM') process.kill((await nodeOf(service, node)).pid ?? 0, 'SIGTERM');
    else assert.notEqual((await service.lameduck(command, node)).code, 0);
    assert.deepEqual(await exited, [null, 'SIGKILL'], point);
    service = await startUp(service, how);
    await until(`${point}: all nodes are back`, async () =>
      (await statusOf(service)).nodes.every(({ state, inRotation }) => state === 'ready' && inRotation),
    );
    const { json } = await service.lameduck('history', '--limit', '1', '--json');
    return (json as HistoryEntry[])[0]?.report as OperationReport;
  }

  it('is resumed or reverted by the next one; nothing is lost, nothing is done twice', async (t) => {
    const ledger = await underLoad(service, { connections: 30 }, async () => {
      for (const death of deaths) {
        const [point, node, , settled] = death;
        const report = await dieAndStartAgain(death);
        t.diagnostic(`${death.join(' ')}: ${report.reason}`);
        assert.deepEqual([report.node, report.result], [node, 'failed'], point);
        assert.equal(report.interrupted?.settled, settled, point);
      }
    });
    assertNothingLost(ledger, 1000);
    t.diagnostic(`${deaths.length} deaths, ${ledger.sent} requests, ${ledger.lost} lost`);
  });
});
