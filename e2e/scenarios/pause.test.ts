import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, describe, it } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { assertNothingLost, assertNothingTwice } from '../support/assertions.ts';
import { statusOf } from '../support/reports.ts';
import { type RunningService, runService, startUp } from '../support/run-service.ts';
import { underLoad } from '../support/under-load.ts';

const connections = { get: 8, slow: 4, post: 8, fresh: 6, upload: 3, stream: 3 };

describe('lameduck pause and resume, two nodes of both stacks', () => {
  let service: RunningService;
  before(async () => {
    service = await runService({ nodes: ['app', 'gunicorn'], mode: 'gate' });
  });
  after(async () => {
    assert.equal(await service.stop(), 0);
  });

  it('under mixed load for some seconds: requests wait at the edge, nothing is lost or run twice', async (t) => {
    let waited = 0;
    const ledger = await underLoad(service, { connections }, async () => {
      await wait(1_000);
      const paused = await service.lameduck('pause');
      assert.equal(paused.code, 0, paused.stderr);
      assert.match(paused.stdout, /^paused: .*at most 30\.0 s; nothing is under way\n$/);
      await wait(3_000);
      const now = await statusOf(service);
      waited = now.edges[0]?.held ?? 0;
      assert.ok(now.paused?.by !== undefined && now.paused.holdMs === 30_000);
      assert.ok((await service.lameduck('status')).stdout.includes('requests waiting, each at most 30.0 s'));
      assert.match((await service.lameduck('resume')).stdout, /^resumed/);
      await wait(1_000);
    });
    assertNothingLost(ledger, 300);
    // idle and late connections apart, each has a request that waits
    assert.ok(waited >= 20, `${waited} requests waited`);
    assert.equal((await statusOf(service)).paused, undefined);
    t.diagnostic(`${ledger.sent} requests, ${waited} waited, 0 lost`);
  });

  it('outlives its controller: the next one knows of it and ends it; nothing is lost', async () => {
    const ledger = await underLoad(service, { connections }, async () => {
      assert.equal((await service.lameduck('pause', '--for', '2m')).code, 0);
      const exited = once(service.up, 'exit');
      service.up.kill('SIGKILL');
      await exited;
      service = await startUp(service);
      assert.equal((await statusOf(service)).paused?.holdMs, 120_000);
      assert.equal((await service.lameduck('resume', '--json')).stdout, '{"resumed":true}\n');
      await wait(1_000);
    });
    assertNothingLost(ledger, 100);
  });

  it('a node may be restarted meanwhile; requests that wait are answered after it', async () => {
    const ledger = await underLoad(service, { connections }, async () => {
      assert.equal((await service.lameduck('pause')).code, 0);
      assert.equal((await service.lameduck('restart', 'b')).code, 0);
      assert.equal((await service.lameduck('resume')).code, 0);
      await wait(1_000);
    });
    assertNothingLost(ledger, 100);
  });

  it('longer than requests may wait: they get 503, no handler has seen one of them, and no other is lost', async () => {
    const ledger = await underLoad(service, { connections: { get: 6, post: 6 } }, async () => {
      await wait(500);
      assert.equal((await service.lameduck('pause', '--for', '1s')).code, 0);
      await wait(3_000);
      assert.equal((await service.lameduck('resume')).code, 0);
      await wait(500);
    });
    assertNothingTwice(ledger);
    assert.ok(ledger.lost >= 12, `${ledger.lost} were refused`);
    assert.deepEqual(ledger.errorStatuses, { 503: ledger.lost });
    assert.deepEqual(ledger.server?.executedButLost, []);
  });

  it('an argument that is no duration, or too long, is told with exit code 2', async () => {
    for (const text of ['30', '11m', '-1s', '0s']) {
      const { code, stderr } = await service.lameduck('pause', '--for', text);
      assert.equal(code, 2, text);
      assert.match(stderr, /a duration such as 30s is wanted, at most 10m/);
    }
    assert.equal((await statusOf(service)).paused, undefined);
  });
});

describe('lameduck pause where an edge has no gate', () => {
  it('is refused with exit code 7 and the reason', async () => {
    const service = await runService({ nodes: ['app'], mode: 'reload' });
    try {
      const { code, stderr } = await service.lameduck('pause');
      assert.equal(code, 7);
      assert.match(
        stderr,
        /Cannot pause edge "edge-1": its nginx must have the gate, .*: current value is mode reload/,
      );
      assert.equal((await statusOf(service)).paused, undefined);
    } finally {
      assert.equal(await service.stop(), 0);
    }
  });
});
