import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Bench, type BenchOptions, ignore, makeBench, send, soon } from './harness.ts';

// nginx gives the memory of a request that has ended to the next one. What the gate remembers of a request by its
// address must not become the next one's: it would start with "every node was tried" and get 502 without any try.

async function withBench(wanted: BenchOptions, run: (bench: Bench) => Promise<void>): Promise<void> {
  const bench = await makeBench(wanted);
  try {
    await bench.edge.open([], soon());
    await run(bench);
  } finally {
    await bench.dispose();
  }
}

/** The statuses of so many requests one after the other, each with how often. */
async function statuses(bench: Bench, path: string, count: number): Promise<Record<number, number>> {
  const counts: Record<number, number> = {};
  for (let turn = 0; turn < count; turn += 1) {
    const { status } = await send(bench.port, { path });
    counts[status] = (counts[status] ?? 0) + 1;
  }
  return counts;
}

const byPath = { balance: { type: 'hash', key: '$uri' } } as const;
const leastConn = { balance: { type: 'least_conn' } } as const;

describe('after requests that every node has cut off, healthy nodes answer each one', () => {
  it('where two of three nodes are out of rotation', async () => {
    await withBench({ kind: 'attached', mode: 'gate' }, async (bench) => {
      for (const name of ['b', 'c']) await bench.edge.remove(name, ignore, soon());
      assert.deepEqual(await statuses(bench, '/die', 3), { 502: 3 });
      assert.deepEqual(await statuses(bench, '/', 60), { 200: 60 });
    });
  });

  it('where the user has Lua hooks, so that the gate is told of no end', async () => {
    const http = 'log_by_lua_block { local x = 1 }';
    await withBench({ kind: 'attached', mode: 'gate', http, more: byPath }, async (bench) => {
      assert.deepEqual(await statuses(bench, '/die', 3), { 502: 3 });
      assert.deepEqual(await statuses(bench, '/', 60), { 200: 60 });
    });
  });

  it('where nothing is held', async () => {
    await withBench({ kind: 'managed', mode: 'gate', more: { ...leastConn, holdMs: 0 } }, async (bench) => {
      assert.deepEqual(await statuses(bench, '/die', 3), { 502: 3 });
      assert.deepEqual(await statuses(bench, '/', 60), { 200: 60 });
    });
  });
});

describe('the last resort of a gate that picks each node by itself', () => {
  for (const holdMs of [0, 30_000]) {
    it(`E28: asks every node once more, tried before or not (holdMs ${holdMs})`, async () => {
      await withBench({ kind: 'managed', mode: 'gate', more: { ...leastConn, holdMs } }, async (bench) => {
        for (const path of ['/die-1', '/die-2', '/die-3']) {
          assert.equal((await send(bench.port, { path })).status, 502);
          const counts = bench.backends.map(({ asked }) => asked.filter((one) => one === path).length);
          assert.deepEqual(counts, [2, 2, 2], path);
        }
      });
    });
  }
});
