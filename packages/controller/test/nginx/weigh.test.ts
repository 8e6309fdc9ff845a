import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createNginxEdge } from '../../src/adapters/nginx/edge.ts';
import { type Bench, ignore, makeBench, soon, until } from './harness.ts';
import { startLoad } from './load.ts';

/** How many of so many requests each node got. */
async function shares(bench: Bench, count: number): Promise<Readonly<Record<string, number>>> {
  const found: Record<string, number> = { a: 0, b: 0, c: 0 };
  for (let index = 0; index < count; index += 1) {
    const name = (await bench.ask('/'))[0] ?? '';
    found[name] = (found[name] ?? 0) + 1;
  }
  return found;
}

/** Each of two nginx workers picks by itself, so that a few may be one off. */
function assertShares(
  found: Readonly<Record<string, number>>,
  wanted: Readonly<Record<string, number>>,
): void {
  for (const [name, count] of Object.entries(wanted))
    assert.ok(
      Math.abs((found[name] ?? 0) - count) <= 6,
      `${JSON.stringify(found)}, not ${JSON.stringify(wanted)}`,
    );
}

for (const mode of ['gate', 'reload'] as const) {
  describe(`weights set at run time, mode ${mode}`, () => {
    it('requests follow them at once, also when a node leaves and comes back, and go back to the configured ones', async () => {
      const bench = await makeBench({ kind: 'managed', mode });
      try {
        await bench.edge.open([], soon());
        const before = bench.workers();
        await bench.edge.weigh(new Map([['a', 4]]), soon());
        assert.deepEqual((await bench.edge.status(soon())).weights, { a: 4 });
        assertShares(await shares(bench, 120), { a: 80, b: 20, c: 20 });
        await bench.edge.remove('b', ignore, soon());
        assertShares(await shares(bench, 100), { a: 80, b: 0, c: 20 });
        await bench.edge.restore('b', ignore, soon());
        assertShares(await shares(bench, 120), { a: 80, b: 20, c: 20 });
        await bench.edge.weigh(new Map(), soon());
        assert.equal((await bench.edge.status(soon())).weights, undefined);
        assertShares(await shares(bench, 90), { a: 30, b: 30, c: 30 });
        assert.equal(bench.workers().join() === before.join(), mode === 'gate', 'only reload mode reloads');
      } finally {
        await bench.dispose();
      }
    });

    it('outlive HUP and SIGKILL of nginx, and the controller that takes over sees them', async () => {
      const bench = await makeBench({ kind: 'managed', mode });
      try {
        await bench.edge.open([], soon());
        await bench.edge.weigh(new Map([['c', 4]]), soon());
        const old = bench.workers();
        process.kill((await bench.edge.status(soon())).pid ?? 0, 'SIGHUP');
        await until(() => bench.workers().length > 0 && bench.workers().every((pid) => !old.includes(pid)));
        assertShares(await shares(bench, 120), { a: 20, b: 20, c: 80 });
        await bench.killNginx('SIGKILL');
        await bench.startNginx();
        assertShares(await shares(bench, 120), { a: 20, b: 20, c: 80 });
        const next = createNginxEdge(bench.options);
        await next.open([], soon());
        assert.deepEqual((await next.status(soon())).weights, { c: 4 });
        assertShares(await shares(bench, 120), { a: 20, b: 20, c: 80 });
        await next.close(soon());
      } finally {
        await bench.dispose();
      }
    });
  });
}

describe('weights set at run time, under load', () => {
  it('gate: ten changes lose and double no request', async () => {
    const bench = await makeBench({ kind: 'managed', mode: 'gate' });
    try {
      await bench.edge.open([], soon());
      const load = startLoad(bench.port, bench.backends, { connections: 20, isKeepAlive: true });
      const asked = (): number[] => bench.backends.map((backend) => backend.asked.length);
      const sum = (counts: readonly number[]): number => counts.reduce((total, count) => total + count, 0);
      let before: number[] = [];
      try {
        for (let round = 1; round <= 10; round += 1)
          await bench.edge.weigh(round % 3 === 0 ? new Map() : new Map([['b', round]]), soon());
        await bench.edge.weigh(new Map([['b', 8]]), soon());
        before = asked();
        await until(() => sum(asked()) >= sum(before) + 400);
      } finally {
        const [a = 0, b = 0, c = 0] = asked().map((count, index) => count - (before[index] ?? 0));
        const { sent, lost, duplicates } = await load.stop();
        assert.ok(b / (a + b + c) > 0.7, `b got ${b} of ${a + b + c}`);
        assert.ok(sent > 100, `only ${sent} requests were sent`);
        assert.deepEqual({ lost, duplicates }, { lost: [], duplicates: 0 });
      }
    } finally {
      await bench.dispose();
    }
  });

  it('refuses a node that the edge does not have, and nothing changes', async () => {
    const bench = await makeBench({ kind: 'managed', mode: 'gate' });
    try {
      await bench.edge.open([], soon());
      await assert.rejects(bench.edge.weigh(new Map([['x', 2]]), soon()), { code: 'noSuchNode' });
      assert.equal((await bench.edge.status(soon())).weights, undefined);
    } finally {
      await bench.dispose();
    }
  });
});
