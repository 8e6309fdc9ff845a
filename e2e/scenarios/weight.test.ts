import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, describe, it } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { assertNothingLost } from '../support/assertions.ts';
import { statusOf } from '../support/reports.ts';
import { type RunningService, runService, startUp } from '../support/run-service.ts';
import { underLoad } from '../support/under-load.ts';

const connections = { get: 8, slow: 4, post: 8, fresh: 6, upload: 3, stream: 3 };

async function weightOf(service: RunningService, name: string): Promise<readonly (number | undefined)[]> {
  const node = (await statusOf(service)).nodes.find((one) => one.name === name);
  return [node?.weight, node?.configuredWeight];
}

for (const mode of ['gate', 'reload'] as const) {
  describe(`lameduck weight, ${mode} mode`, () => {
    let service: RunningService;
    before(async () => {
      service = await runService({ nodes: ['app', 'app', 'app'], mode });
    });
    after(async () => {
      assert.equal(await service.stop(), 0);
    });

    it('changes where requests go, without a lost one with the gate, and outlives its controller', async (t) => {
      // a reload of this nginx cuts idle clients: not under load
      const run = async (): Promise<void> => {
        await wait(500);
        const set = await service.lameduck('weight', 'b', '6');
        assert.equal(set.stdout, 'b: weight 6 (was 1, configured 1)\n', set.stderr);
        await wait(1_000);
      };
      if (mode === 'reload') await run();
      else {
        const ledger = await underLoad(service, { connections }, run);
        assertNothingLost(ledger, 300);
        t.diagnostic(`${ledger.sent} requests, 0 lost`);
      }
      assert.deepEqual(await weightOf(service, 'b'), [6, 1]);
      const exited = once(service.up, 'exit');
      service.up.kill('SIGKILL');
      await exited;
      service = await startUp(service);
      assert.deepEqual(await weightOf(service, 'b'), [6, 1]);
      assert.deepEqual((await statusOf(service)).edges[0]?.weights, { b: 6 });
      const back = await service.lameduck('weight', 'b', 'default', '--json');
      assert.deepEqual(JSON.parse(back.stdout), { node: 'b', weight: 1, configured: 1, before: 6 });
      assert.deepEqual(await weightOf(service, 'b'), [1, undefined]);
    });

    it('what is no weight and no node is refused', async () => {
      for (const text of ['0', '-1', '1.5', '65536', 'x'])
        assert.equal((await service.lameduck('weight', 'b', text)).code, 2, text);
      assert.equal((await service.lameduck('weight', 'nobody', '2')).code, 4);
    });
  });
}
