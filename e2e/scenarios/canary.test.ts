import assert from 'node:assert/strict';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import type { RolloutReport, RolloutStatus } from '@lameduck/core';
import type { LedgerResult } from '@lameduck/ledger';
import { assertNothingLost } from '../support/assertions.ts';
import { rolloutOf, statusOf } from '../support/reports.ts';
import {
  type CommandResult,
  makeRunFolder,
  type RunningService,
  runService,
  startUp,
} from '../support/run-service.ts';
import { underLoad } from '../support/under-load.ts';
import { until } from '../support/until.ts';
import { makeReleases, nodeLog, type Releases, type Version, versionOf } from '../support/versions.ts';

const mixed = { connections: { get: 8, fresh: 4, post: 4, upload: 2, stream: 2 } };

describe('a rollout of a new version', () => {
  const folder = makeRunFolder();
  const releases: Releases = makeReleases(folder, 3);
  let service: RunningService;
  before(async () => {
    const { overrides, hooks } = releases;
    service = await runService({
      nodes: ['app', 'app', 'app'],
      overrides,
      config: {
        health: { path: '/healthz', interval: '100ms' },
        startup: { timeout: '25s' },
        rollout: { canary: 1, soak: '4s', hooks },
      },
    });
  });
  after(async () => {
    assert.equal(await service.stop(), 0);
    rmSync(folder, { recursive: true, force: true });
  });

  const running = (): Promise<string[]> => Promise.all(service.ports.slice(1).map(versionOf));

  async function rollOut(
    version: Version,
    flags: readonly string[],
    meanwhile: (rollout: Promise<CommandResult>) => Promise<unknown> = (rollout) => rollout,
  ): Promise<{ result: CommandResult; report: RolloutReport; ledger: LedgerResult }> {
    releases.release(version);
    let result: CommandResult | undefined;
    const ledger = await underLoad(service, mixed, async () => {
      const rollout = service.lameduck('rollout', '--json', ...flags);
      await meanwhile(rollout);
      result = await rollout;
    });
    assert.ok(result);
    assertNothingLost(ledger, 200);
    await until(
      'all nodes serve',
      async () => {
        const { nodes } = await statusOf(service);
        return nodes.every(({ state, inRotation }) => state === 'ready' && inRotation);
      },
      60_000,
    );
    return { result, report: rolloutOf(result), ledger };
  }

  async function stateOf(): Promise<RolloutStatus | undefined> {
    return (await statusOf(service)).rollout;
  }

  it('E14: takes a canary back that never becomes healthy, and touches no other node', async () => {
    const pids = (await statusOf(service)).nodes.map(({ pid }) => pid);
    const { result, report } = await rollOut('sick', []);
    assert.equal(result.code, 1, result.stderr);
    assert.deepEqual([report.result, report.untouched], ['aborted', ['b', 'c']]);
    const [canary] = report.nodes;
    assert.deepEqual(
      [canary?.node, canary?.result, canary?.rolledBack, canary?.isBack],
      ['a', 'failed', true, true],
    );
    assert.match(canary?.reason ?? '', /is not healthy 25000 ms after its start/);
    assert.deepEqual(await running(), ['v1', 'v1', 'v1']);
    assert.deepEqual(
      (await statusOf(service)).nodes.slice(1).map(({ pid }) => pid),
      pids.slice(1),
    );
    assert.match(nodeLog(service.folder, 'a'), /deploying sick on a \(deploy\).*rolling back on a: /s);
  });

  it('E14: takes a canary back that falls ill while it soaks', async () => {
    const { result, report } = await rollOut('late', []);
    assert.equal(result.code, 1, result.stderr);
    assert.deepEqual([report.code, report.untouched], ['canaryFailed', ['b', 'c']]);
    assert.match(report.reason ?? '', /the canary failed: it is not healthy: node "a"/);
    assert.equal(report.canary?.reverted[0]?.rolledBack, true);
    assert.deepEqual(await running(), ['v1', 'v1', 'v1']);
  });

  it('E14: a version that does not start at all, and one that cannot be deployed, leave the old one', async () => {
    const broken = await rollOut('broken', []);
    assert.match(broken.report.reason ?? '', /this version is broken/);
    assert.equal(broken.report.nodes[0]?.rolledBack, true);
    const none = await rollOut('undeployable', []);
    assert.match(
      none.report.reason ?? '',
      /hook "beforeStart" of node "a".*exited with code 3.*:\n.*no such release/s,
    );
    assert.deepEqual(await running(), ['v1', 'v1', 'v1']);
  });

  it('waits for the canary, can be paused and aborted meanwhile, and takes the canary back then', async () => {
    const { result, report } = await rollOut('v2', ['--soak', '120s'], async () => {
      await until('it soaks', async () => (await stateOf())?.state === 'soaking', 60_000);
      assert.deepEqual(await running(), ['v2', 'v1', 'v1']);
      const second = await service.lameduck('rollout');
      assert.equal(second.code, 1);
      assert.match(
        second.stderr,
        /one at a time is wanted: one of .+ \(pid \d+\) has run for .+ and is soaking/,
      );
      const paused = await service.lameduck('rollout', 'pause', '--json');
      assert.equal((paused.json as RolloutStatus).state, 'paused', paused.stderr);
      assert.equal((await service.lameduck('rollout', 'resume')).code, 0);
      assert.match((await service.lameduck('rollout', 'status')).stdout, /soaking, .+ s left/);
      assert.equal((await service.lameduck('rollout', 'abort')).code, 0);
    });
    assert.equal(result.code, 1);
    assert.deepEqual([report.code, report.untouched], ['aborted', ['b', 'c']]);
    assert.match(report.reason ?? '', /^aborted by .+ \(pid \d+\)$/);
    assert.deepEqual(await running(), ['v1', 'v1', 'v1']);
    const idle = await service.lameduck('rollout', 'abort');
    assert.equal(idle.code, 3);
    assert.match(idle.stderr, /one under way is wanted: current value is one that is aborted/);
  });

  it('lets the others follow a canary that is good, losing nothing', async () => {
    const flags = ['--soak', '3s', '--min-requests', '5', '--max-p99-ratio', '100'];
    const { result, report } = await rollOut('v2', flags, async (rollout) => {
      await until('it was judged', async () => (await stateOf())?.state !== 'running', 60_000);
      await until('it goes on', async () => (await stateOf())?.state !== 'soaking', 60_000);
      // edges that count nothing leave it to a person
      if ((await stateOf())?.state === 'paused') await service.lameduck('rollout', 'resume');
      await rollout;
    });
    assert.equal(result.code, 0, result.stderr);
    assert.equal(report.result, 'done');
    assert.ok(['passed', 'overruled'].includes(report.canary?.verdict ?? ''));
    assert.deepEqual(await running(), ['v2', 'v2', 'v2']);
  });

  it('goes on soaking under the next controller when this one is killed, and can be aborted there', async () => {
    const before = await running();
    releases.release('v1');
    const ledger = await underLoad(service, mixed, async () => {
      const rollout = service.lameduck('rollout', '--soak', '120s');
      await until('it soaks', async () => (await stateOf())?.state === 'soaking', 60_000);
      const exited = once(service.up, 'exit');
      service.up.kill('SIGKILL');
      await exited;
      assert.equal((await rollout).code, 3);
      service = await startUp(service);
      const taken = await stateOf();
      assert.deepEqual([taken?.state, taken?.done], ['soaking', ['a']]);
      assert.deepEqual(await running(), ['v1', ...before.slice(1)]);
      assert.equal((await service.lameduck('rollout', 'abort')).code, 0);
      await until('it is over', async () => (await stateOf())?.state === 'aborted', 60_000);
    });
    assertNothingLost(ledger, 200);
    assert.deepEqual(await running(), before);
  });
});
