import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { describeEdge } from '../edge-contract.ts';
import { ignore, makeBench, soon } from './harness.ts';
import { startLoad } from './load.ts';

// nginx as it is upstream now: no Lua, `keepalive_min_timeout` (1.27.4), kept upstream connections by default (1.29.7).
const cached = join(import.meta.dirname, '../../../../.cache/newer-nginx/nginx');
const nginx = process.env['LAMEDUCK_NGINX_NEWER'] ?? cached;
const wanted = { kind: 'managed', mode: 'reload', more: { nginx } } as const;

if (!existsSync(nginx)) {
  it('a newer nginx', { skip: `no nginx at ${nginx}: scripts/newer-nginx.sh brings one` }, () => undefined);
} else {
  describeEdge('a newer nginx by reload', async () => {
    const bench = await makeBench(wanted);
    const ask = async (): Promise<string | undefined> => (await bench.ask()).split(' ')[0];
    return { edge: bench.edge, ask, dispose: bench.dispose };
  });

  describe('a newer nginx', () => {
    it('E2: reloads with keepalive_min_timeout lose no request of keep-alive clients', async (t) => {
      const bench = await makeBench(wanted);
      try {
        await bench.edge.open([], soon());
        const load = startLoad(bench.port, bench.backends, { connections: 12, isKeepAlive: true });
        for (const name of ['a', 'b', 'c'] as const) {
          await bench.edge.remove(name, ignore, soon());
          const backend = bench.backends.find(({ node }) => node.name === name);
          const before = backend?.asked.length;
          await new Promise((resolve) => setTimeout(resolve, 100));
          assert.equal(backend?.asked.length, before, `${name} was asked after the proof`);
          await bench.edge.restore(name, ignore, soon());
        }
        const { sent, lost, duplicates } = await load.stop();
        assert.ok(sent > 200, `only ${sent} requests were sent`);
        assert.deepEqual({ lost, duplicates }, { lost: [], duplicates: 0 });
        t.diagnostic(
          `${sent} requests over 6 reloads, 0 lost, ${(await bench.edge.status(soon())).server || nginx}`,
        );
      } finally {
        await bench.dispose();
      }
    });
  });
}
