import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { HistoryEntry, OperationReport } from '@lameduck/core';
import { assertNothingLost } from '../support/assertions.ts';
import { nodeOf, statusOf } from '../support/reports.ts';
import { watchRotation } from '../support/rotation.ts';
import { type RunningService, runService } from '../support/run-service.ts';
import { underLoad } from '../support/under-load.ts';
import { isRunning, until } from '../support/until.ts';

const rounds = 1;

/** SIGTERM to the masters of these nodes at once, as from `systemctl restart`; resolves when all serve again. */
async function signal(service: RunningService, names: readonly string[]): Promise<void> {
  const nodes = await Promise.all(names.map((name) => nodeOf(service, name)));
  const pids = nodes.map(({ pid }) => pid ?? 0);
  for (const pid of pids) process.kill(pid, 'SIGTERM');
  const isBack = async (): Promise<boolean> => {
    const now = (await statusOf(service)).nodes.filter(({ name }) => names.includes(name));
    return now.every(
      ({ state, pid, operation }) =>
        state === 'ready' && pid !== undefined && !pids.includes(pid) && operation === undefined,
    );
  };
  await until(`${names.join(' and ')} are back`, isBack, 100_000);
  for (const pid of pids) assert.equal(await isRunning(pid), false);
}

async function restarts(service: RunningService, limit: number): Promise<OperationReport[]> {
  const { json } = await service.lameduck('history', '--limit', String(limit), '--json');
  return (json as HistoryEntry[]).map(({ report }) => report as OperationReport);
}

describe('E29: nodes that are sent SIGTERM by somebody else', () => {
  let service: RunningService;
  before(async () => {
    service = await runService({
      nodes: ['app', 'app', 'app'],
      mode: 'gate',
      config: {
        availability: { minAvailable: 2 },
        shutdown: { timeoutGracefulShutdown: '2m', margin: '4s' },
      },
    });
  });
  after(async () => {
    assert.equal(await service.stop(), 0);
  });

  it('leave through the controller, one, two or all three at once, in turns; nothing is lost', async (t) => {
    const watched = watchRotation(service);
    const ledger = await underLoad(service, { connections: 30 }, async () => {
      for (let round = 0; round < rounds; round++) {
        for (const names of [['a'], ['a', 'b'], ['a', 'b', 'c']]) await signal(service, names);
      }
    });
    assertNothingLost(ledger, 1000);
    const seen = await watched.stop();
    t.diagnostic(
      `in rotation at the edge, of ${seen.length} looks: ${Math.min(...seen)} to ${Math.max(...seen)}`,
    );
    assert.ok(seen.length > 10 && Math.max(...seen) === 3, 'the watch must have seen something');
    assert.equal(
      Math.min(...seen),
      2,
      'minAvailable: never fewer than two in rotation, and the turns were seen',
    );
    t.diagnostic(`${ledger.sent} requests, ${rounds * 6} nodes signalled, 0 lost`);
    const reports = await restarts(service, rounds * 6);
    assert.equal(reports.length, rounds * 6);
    for (const report of reports) {
      assert.deepEqual([report.operation, report.result, report.cause], ['restart', 'exited', 'node']);
      assert.equal(report.overruled, undefined, 'minAvailable holds while the deadlines allow');
    }
  });

  it('leave also where they were drained before', async () => {
    const { pid = 0 } = await nodeOf(service, 'a');
    const ledger = await underLoad(service, { connections: 10 }, async () => {
      assert.equal((await service.lameduck('drain', 'a')).code, 0);
      await signal(service, ['a']);
    });
    assertNothingLost(ledger, 100);
    assert.notEqual((await nodeOf(service, 'a')).pid, pid);
  });
});

describe('E29: two nodes of two that are sent SIGTERM at once where both must stay', () => {
  let service: RunningService;
  before(async () => {
    service = await runService({
      nodes: ['app', 'app'],
      mode: 'gate',
      config: {
        availability: { minAvailable: 2 },
        shutdown: { timeoutGracefulShutdown: '20s', margin: '3s' },
      },
    });
  });
  after(async () => {
    assert.equal(await service.stop(), 0);
  });

  it('leave when their patience is over, which the report says; requests are held and nothing is lost', async () => {
    const ledger = await underLoad(service, { connections: 20 }, () => signal(service, ['a', 'b']));
    assertNothingLost(ledger, 100);
    for (const { overruled } of await restarts(service, 2))
      assert.match(overruled ?? '', /at least 2 must stay/);
  });
});

describe('E29: three nodes that are sent SIGTERM at once, with short deadlines', () => {
  let service: RunningService;
  before(async () => {
    service = await runService({
      nodes: ['app', 'app', 'app'],
      mode: 'gate',
      config: {
        availability: { minAvailable: 1 },
        shutdown: { timeoutGracefulShutdown: '5s', margin: '4s' },
      },
    });
  });
  after(async () => {
    assert.equal(await service.stop(), 0);
  });

  it('leave within them, through the controller; nothing is lost', async (t) => {
    const shortRounds = 3;
    const connections = 10;
    const ledger = await underLoad(service, { connections }, async () => {
      for (let round = 0; round < shortRounds; round++) await signal(service, ['a', 'b', 'c']);
    });
    const reports = await restarts(service, shortRounds * 3);
    assert.deepEqual(
      reports.map(({ operation, result, cause }) => [operation, result, cause]),
      reports.map(() => ['restart', 'exited', 'node']),
    );
    const removals = reports.flatMap(({ phases }) => phases.filter(({ name }) => name === 'remove'));
    const longest = Math.max(...removals.map(({ ms }) => ms));
    t.diagnostic(`${ledger.sent} requests, ${ledger.lost} lost; longest removal ${longest} ms`);
    // a machine that gives the controller no processor for seconds cannot keep the deadline: then a POST of the last moment may go
    const isLate = longest > 3_000;
    if (!isLate) return assertNothingLost(ledger, 100);
    assert.ok(ledger.lost <= connections, `${ledger.lost} lost`);
  });
});
