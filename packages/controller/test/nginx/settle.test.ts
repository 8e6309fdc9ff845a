import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { type Backend, type Bench, ignore, makeBench, send, soon, startBackend, until } from './harness.ts';

const holdBlock = `
  error_page 502 = @shop_hold;
  location @shop_hold {
    lua_check_client_abort on;
    access_by_lua_block { local gate = package.loaded["lameduck.shop"] if gate then return gate.hold() end return ngx.exit(502) }
    proxy_pass http://shop;
  }`;

const names = ['a', 'b', 'c'] as const;

// None of the nodes listens any more, and the gate has not been told yet.
for (const kind of ['managed', 'attached'] as const) {
  describe(`a gate whose nodes have died, ${kind}`, () => {
    let bench: Bench;
    const back: Backend[] = [];
    before(async () => {
      bench = await makeBench({
        kind,
        mode: 'gate',
        more: { holdMs: 3_000 },
        ...(kind === 'attached' ? { server: holdBlock } : {}),
      });
      await bench.edge.open([], soon());
      await bench.ask();
    });
    after(async () => {
      await bench.dispose();
      for (const backend of back) await backend.close();
    });

    it('lets what comes wait until it is told, then for a node; each is run once', async () => {
      const ports = bench.backends.map(({ node }) => (node.address.kind === 'tcp' ? node.address.port : 0));
      for (const backend of bench.backends) await backend.close();
      const sending = ['GET', 'POST', 'GET', 'POST', 'POST', 'GET'].map((method, turn) =>
        send(bench.port, { path: `/early${turn}`, method, ...(method === 'POST' ? { body: 'x' } : {}) }),
      );
      await delay(200);
      for (const name of names) await bench.edge.remove(name, ignore, soon());
      const late = send(bench.port, { path: '/late', method: 'POST', body: 'x' });
      await until(async () => ((await bench.edge.status(soon())).held ?? 0) === sending.length + 1);
      for (const [index, name] of names.entries()) back.push(await startBackend(name, ports[index]));
      for (const name of names) await bench.edge.restore(name, ignore, soon());
      const answers = await Promise.all([...sending, late]);
      assert.deepEqual(
        answers.map(({ status }) => status),
        answers.map(() => 200),
      );
      const asked = back.flatMap((backend) => backend.asked).toSorted();
      assert.deepEqual(asked, ['/early0', '/early1', '/early2', '/early3', '/early4', '/early5', '/late']);
    });

    it('gives 502 after the hold where nobody tells it, and at once for a POST that was cut', async () => {
      // nginx's marks of the nodes that had died last for a second, by a clock of whole ones
      await delay(2_100);
      const cutAt = performance.now();
      assert.equal((await send(bench.port, { path: '/die', method: 'POST', body: 'x' })).status, 502);
      assert.ok(performance.now() - cutAt < 2_500);
      for (const backend of back.splice(0)) await backend.close();
      const beganAt = performance.now();
      assert.equal((await send(bench.port, { path: '/never' })).status, 502);
      const ms = performance.now() - beganAt;
      assert.ok(ms >= 2_900 && ms < 5_000, `${ms} ms`);
    });
  });
}
