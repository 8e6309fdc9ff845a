import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { assertNothingLost } from '../support/assertions.ts';
import { reportOf } from '../support/reports.ts';
import { runService } from '../support/run-service.ts';
import { underLoad } from '../support/under-load.ts';

describe('E30: a service of one node, in gate mode', () => {
  for (const kind of ['app', 'gunicorn'] as const) {
    it(`${kind}: is restarted twice under load, requests wait at the edge and none is lost`, async (t) => {
      const service = await runService({
        nodes: [kind],
        mode: 'gate',
        config: { availability: { minAvailable: 0 } },
      });
      try {
        const ledger = await underLoad(service, { connections: 30 }, async () => {
          for (let round = 0; round < 2; round += 1) {
            await wait(500);
            const report = reportOf(await service.lameduck('restart', 'a', '--json'));
            assert.deepEqual([report.result, report.lost], ['exited', 0]);
          }
          await wait(500);
        });
        assertNothingLost(ledger, 100);
        t.diagnostic(`${ledger.sent} requests, 2 restarts, 0 lost`);
      } finally {
        assert.equal(await service.stop(), 0);
      }
    });
  }
});
