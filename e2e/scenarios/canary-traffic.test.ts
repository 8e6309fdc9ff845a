import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { assertNothingLost } from '../support/assertions.ts';
import { rolloutOf, statusOf } from '../support/reports.ts';
import { makeRunFolder, type RunningService, runService } from '../support/run-service.ts';
import { underLoad } from '../support/under-load.ts';
import { until } from '../support/until.ts';
import { makeReleases, type Version, versionOf } from '../support/versions.ts';

const mixed = { connections: { get: 8, fresh: 4, post: 4 } };

describe('a canary that is judged by what the edge counts', () => {
  const folder = makeRunFolder();
  const releases = makeReleases(folder, 3);
  let service: RunningService;
  before(async () => {
    service = await runService({
      nodes: ['app', 'app', 'app'],
      overrides: releases.overrides,
      config: {
        health: { path: '/healthz', interval: '100ms' },
        rollout: { canary: 1, soak: '6s', success: { minRequests: 20 }, hooks: releases.hooks },
      },
    });
  });
  after(async () => {
    assert.equal(await service.stop(), 0);
    rmSync(folder, { recursive: true, force: true });
  });

  /** Beside the load of the ledger, requests that a faulty version answers with 500. */
  async function askForFaults(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) await fetch(`${service.url}/fault`).then((answer) => answer.text());
  }

  for (const [version, why] of [
    ['faulty', /of its requests ended with an error \(maxErrorRate: 1%\)$/],
    ['slow', /its p99 is \d+ ms, the others allow \d+ ms \(maxP99Ratio\)$/],
  ] as const satisfies readonly (readonly [Version, RegExp])[]) {
    it(`E14: takes a ${version} one back although it is healthy; no other node is touched`, async () => {
      releases.release(version);
      const pids = (await statusOf(service)).nodes.map(({ pid }) => pid);
      const done = new AbortController();
      const asking = askForFaults(done.signal);
      const ledger = await underLoad(service, mixed, async () => {
        const result = await service.lameduck('rollout', '--json');
        const report = rolloutOf(result);
        assert.equal(result.code, 1, JSON.stringify(report));
        assert.deepEqual([report.code, report.untouched], ['canaryFailed', ['b', 'c']]);
        assert.match(report.reason ?? '', why);
        assert.equal(report.canary?.reverted[0]?.rolledBack, true);
      });
      done.abort();
      await asking;
      assertNothingLost(ledger, 200);
      await until('all serve', async () =>
        (await statusOf(service)).nodes.every(({ state }) => state === 'ready'),
      );
      const { nodes } = await statusOf(service);
      assert.deepEqual(
        nodes.slice(1).map(({ pid }) => pid),
        pids.slice(1),
      );
      assert.equal(await versionOf(service.ports[1] ?? 0), 'v1');
    });
  }
});
