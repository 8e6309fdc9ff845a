import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, describe, it, type TestContext } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import type { LedgerResult } from '@lameduck/ledger';
import { assertNothingLost, assertOnlyIdleResets } from '../support/assertions.ts';
import { newerNginx } from '../support/newer-nginx.ts';
import { statusOf } from '../support/reports.ts';
import { type RunningService, runService, startUp } from '../support/run-service.ts';
import { underLoad } from '../support/under-load.ts';

const connections = { get: 8, slow: 4, post: 8, fresh: 6, upload: 3, stream: 3 };

async function weightOf(service: RunningService, name: string): Promise<readonly (number | undefined)[]> {
  const node = (await statusOf(service)).nodes.find((one) => one.name === name);
  return [node?.weight, node?.configuredWeight];
}

interface Case {
  readonly title: string;
  readonly mode: 'gate' | 'reload';
  readonly edge?: object;
  readonly skip?: string | false;
  readonly assertLosses: (ledger: LedgerResult, atLeast: number) => void;
}

const cases: readonly Case[] = [
  { title: 'with the gate', mode: 'gate', assertLosses: assertNothingLost },
  // what a reload of the machine's nginx may cost
  { title: 'by reload', mode: 'reload', assertLosses: assertOnlyIdleResets },
  {
    title: 'by reload of a newer nginx',
    mode: 'reload',
    edge: { nginx: newerNginx.path },
    skip: newerNginx.skip,
    assertLosses: assertNothingLost,
  },
];

for (const { title, mode, edge = {}, skip = false, assertLosses } of cases) {
  describe(`lameduck weight, ${title}`, { skip }, () => {
    let service: RunningService;
    before(async () => {
      service = await runService({ nodes: ['app', 'app', 'app'], mode, edge: { ...edge } });
    });
    after(async () => {
      assert.equal(await service.stop(), 0);
    });

    /** Sets it under mixed load, which is told as this; gives the share of the requests that came to `b`. */
    async function shareAfter(weight: string, told: object, t: TestContext): Promise<number> {
      const ledger = await underLoad(service, { connections }, async () => {
        await wait(300);
        const set = await service.lameduck('weight', 'b', weight, '--json');
        assert.deepEqual(set.json, told, set.stderr);
        await wait(2_000);
      });
      assertLosses(ledger, 300);
      const nodes = ledger.server?.nodes ?? {};
      const share = (nodes['b'] ?? 0) / Object.values(nodes).reduce((sum, count) => sum + count, 0);
      t.diagnostic(
        `weight ${weight}: ${ledger.sent} requests, ${ledger.lost} lost, ${Math.round(share * 100)} % to b`,
      );
      return share;
    }

    it('changes under load where requests go, and outlives its controller', async (t) => {
      const more = await shareAfter('6', { node: 'b', weight: 6, configured: 1, before: 1 }, t);
      // 6 of 8 from the change on, a third before
      assert.ok(more > 0.5 && more < 0.8, String(more));
      assert.deepEqual(await weightOf(service, 'b'), [6, 1]);
      assert.match((await service.lameduck('status')).stdout, /\bb .* in, weight 6 \(configured 1\)/);
      const exited = once(service.up, 'exit');
      service.up.kill('SIGKILL');
      await exited;
      service = await startUp(service);
      assert.deepEqual(await weightOf(service, 'b'), [6, 1]);
      assert.deepEqual((await statusOf(service)).edges[0]?.weights, { b: 6 });
      const back = await shareAfter('default', { node: 'b', weight: 1, configured: 1, before: 6 }, t);
      assert.ok(back < more, String(back));
      assert.deepEqual(await weightOf(service, 'b'), [1, undefined]);
      assert.doesNotMatch((await service.lameduck('status')).stdout, /weight/);
    });

    // the same code in each mode
    if (mode === 'reload') return;

    it('what is no weight and no node is refused', async () => {
      for (const text of ['0', '-1', '1.5', '65536', 'x'])
        assert.equal((await service.lameduck('weight', 'b', text)).code, 2, text);
      assert.equal((await service.lameduck('weight', 'nobody', '2')).code, 4);
    });
  });
}
