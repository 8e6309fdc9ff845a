import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type Bench, ignore, makeBench, send, soon, until } from './harness.ts';

// One GET that every node cuts marks all of them for a second: from then on nginx has "no live upstreams".
for (const mode of ['reload', 'gate'] as const) {
  describe(`the last resort in ${mode} mode`, () => {
    let bench: Bench;
    before(async () => {
      bench = await makeBench({ kind: 'managed', mode, more: { promiseToken: 'feed' } });
      await bench.edge.open([], soon());
    });
    after(() => bench.dispose());

    const asked = (path: string): number =>
      bench.backends.reduce((sum, backend) => sum + backend.asked.filter((one) => one === path).length, 0);

    it('E28: serves a POST of which nothing was sent, once, where every node is marked', async () => {
      for (let turn = 0; turn < 5; turn += 1) {
        assert.equal((await send(bench.port, { path: '/die' })).status, 502);
        const path = `/post${turn}`;
        assert.equal((await send(bench.port, { path, method: 'POST', body: 'x' })).status, 200);
        assert.equal(asked(path), 1);
      }
    });

    it('E28: never sends a POST again that may have run', async () => {
      for (let turn = 0; turn < 6; turn += 1) {
        const path = `/die-post${turn}`;
        assert.equal((await send(bench.port, { path, method: 'POST', body: 'x' })).status, 502);
        assert.equal(asked(path), 1, path);
      }
    });

    it('never picks a node that is out', async () => {
      await bench.edge.remove('a', ignore, soon());
      const before = bench.backends[0].asked.length;
      for (let turn = 0; turn < 5; turn += 1) {
        assert.equal((await send(bench.port, { path: '/die' })).status, 502);
        assert.equal((await send(bench.port, { path: '/get' })).status, 200);
      }
      assert.equal(bench.backends[0].asked.length, before);
      await bench.edge.restore('a', ignore, soon());
      await until(async () => (await bench.ask()).startsWith('a '));
    });
  });
}
