import assert from 'node:assert/strict';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { assertNothingLost } from '../support/assertions.ts';
import { statusOf } from '../support/reports.ts';
import { makeRunFolder, type RunningService, runService } from '../support/run-service.ts';
import { projectRoot } from '../support/service-config.ts';
import { underLoad } from '../support/under-load.ts';
import { until } from '../support/until.ts';

describe('availability.panic at a real nginx', () => {
  const folder = makeRunFolder();
  const database = join(folder, 'database-is-down');
  let service: RunningService;
  before(async () => {
    const entry = join(folder, 'app.ts');
    const shop = join(projectRoot, 'examples', 'shop', 'app.ts');
    writeFileSync(
      entry,
      `import { existsSync } from 'node:fs';
      import app from ${JSON.stringify(shop)};
      // its check asks for more than its requests need
      app.addHook('onRequest', async (request, reply) =>
        request.url === '/healthz' && existsSync(${JSON.stringify(database)}) ? reply.code(503).send('no database') : undefined);
      export default app;`,
    );
    const node = { app: { entry, workers: 1 } };
    service = await runService({
      nodes: ['app', 'app', 'app'],
      mode: 'gate',
      overrides: { a: node, b: node, c: node },
      config: {
        availability: { minAvailable: 1, panic: '50%' },
        health: { path: '/healthz', interval: '200ms', rise: 2, fall: 2 },
      },
    });
  });
  after(async () => {
    assert.equal(await service.stop(), 0);
    rmSync(folder, { recursive: true });
  });

  it('checks say that all nodes are down: every one is still sent to, `status` says so; lost 0', async () => {
    const ledger = await underLoad(service, { connections: 30 }, async () => {
      mkdirSync(database);
      await until('panic', async () => (await statusOf(service)).panic?.down === 3, 30_000);
      for (let second = 0; second < 2; second += 1) {
        await pause(1000);
        const { panic, nodes, edges } = await statusOf(service);
        assert.deepEqual(panic, { down: 3, of: 3 });
        assert.ok(nodes.every(({ inRotation }) => inRotation));
        assert.deepEqual(edges[0]?.out, []);
      }
      rmSync(database, { recursive: true });
      await until('all is well', async () => {
        const { panic, nodes } = await statusOf(service);
        return panic === undefined && nodes.every(({ state }) => state === 'ready');
      });
    });
    assertNothingLost(ledger, 500);
    assert.deepEqual(Object.keys(ledger.server?.nodes ?? {}).sort(), ['a', 'b', 'c']);
  });
});
