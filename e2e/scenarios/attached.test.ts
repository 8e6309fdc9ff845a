import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { runLoad } from '@lameduck/ledger';
import { assertNothingLost } from '../support/assertions.ts';
import { type OwnNginx, startOwnNginx } from '../support/own-nginx.ts';
import { freePorts } from '../support/ports.ts';
import { reportOf, statusOf } from '../support/reports.ts';
import { type RunningService, runService } from '../support/run-service.ts';
import { until } from '../support/until.ts';

describe("the user's own nginx, attached", () => {
  let own: OwnNginx;
  let service: RunningService;

  before(async () => {
    const [port = 0] = await freePorts(1);
    own = startOwnNginx(port);
    service = await runService({ nodes: ['app', 'gunicorn'], config: { edges: [own.edge] } });
  });
  after(async () => {
    assert.equal(await service.stop(), 0);
    assert.equal(own.hasEnded(), false, 'an attached nginx is not ours to stop');
    await own.stop();
  });

  it('is gated without a reload: restarts lose nothing', async () => {
    const [edge] = (await statusOf(service)).edges;
    assert.deepEqual([edge?.mode, edge?.state, edge?.pid], ['gate', 'ready', own.pid]);
    const load = runLoad({ url: own.url, connections: 30 });
    try {
      for (const name of ['a', 'b', 'a', 'b']) {
        const result = await service.lameduck('restart', name, '--json');
        assert.equal(reportOf(result).result, 'exited', result.stdout + result.stderr);
      }
    } finally {
      await load.stop();
    }
    assertNothingLost(await service.audit(await load.done), 1000);
  });

  it('may be reloaded by anybody at any time: a drained node stays out', async () => {
    assert.equal((await service.lameduck('drain', 'b')).code, 0);
    for (let turn = 0; turn < 3; turn += 1) own.reload();
    const load = runLoad({ url: own.url, connections: { fresh: 10 }, count: 200 });
    const ledger = await service.audit(await load.done);
    assertNothingLost(ledger, 200);
    assert.deepEqual(Object.keys(ledger.server?.nodes ?? {}), ['a']);
    assert.equal((await service.lameduck('ready', 'b')).code, 0);
    await until('b is asked again', async () => {
      const more = await runLoad({ url: own.url, connections: { fresh: 4 }, count: 20 }).done;
      return Object.keys((await service.audit(more)).server?.nodes ?? {}).length === 2;
    });
  });
});
