import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { createNginxEdge } from '../../src/adapters/nginx/edge.ts';
import { parseIncludeHeader } from '../../src/adapters/nginx/render-include.ts';
import type { EdgeNode, EdgeTraffic } from '../../src/ports/edge.ts';
import { type Bench, type BenchOptions, freePort, ignore, makeBench, send, soon, until } from './harness.ts';

interface Server {
  readonly port: number;
  close(): Promise<void>;
}

/** Answers with its name; `/status/N` with that status. */
async function serve(name: string): Promise<Server> {
  const server = createServer((request, response) => {
    response.statusCode = Number(/^\/status\/(\d{3})$/.exec(request.url ?? '')?.[1] ?? 200);
    response.end(name);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function nodeAt(name: string, port: number, more: Partial<EdgeNode> = {}): EdgeNode {
  return { name, weight: 1, address: { kind: 'tcp', host: '127.0.0.1', port }, ...more };
}

/** How often each node answered, of so many requests one after the other. */
async function spread(bench: Bench, count: number, path = '/'): Promise<Record<string, number>> {
  const counts: Record<string, number> = { a: 0, b: 0, c: 0 };
  for (let turn = 0; turn < count; turn += 1) {
    const name = (await bench.ask(path))[0] ?? '';
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}

const rampsOf = (bench: Bench): readonly string[] => [
  ...(parseIncludeHeader(readFileSync(bench.include, 'utf8'))?.state.ramps?.keys() ?? []),
];

describe('slow start in gate mode', () => {
  async function open(slowStartMs: number, more: BenchOptions['more'] = {}): Promise<Bench> {
    const bench = await makeBench({ kind: 'managed', mode: 'gate', more });
    const weights = { a: 2, b: 1, c: 1 };
    const nodes = bench.backends.map(({ node }) => ({
      ...node,
      weight: weights[node.name as keyof typeof weights],
      slowStartMs,
    }));
    const options = { ...bench.options, nodes };
    const slow: Bench = { ...bench, options, edge: createNginxEdge(options) };
    await slow.edge.open([], soon());
    return {
      ...slow,
      dispose: async () => {
        await slow.edge.close(soon(2000)).catch(ignore);
        await bench.dispose();
      },
    };
  }

  it('a node that comes back gets a share that rises with time, then nginx balances by itself again', async () => {
    const rampMs = 5000;
    const bench = await open(rampMs);
    try {
      const workers = bench.workers();
      assert.deepEqual(await spread(bench, 40), { a: 20, b: 10, c: 10 });
      await bench.edge.remove('c', ignore, soon());
      const beganBefore = Date.now();
      await bench.edge.restore('c', ignore, soon());
      const beganAfter = Date.now();
      const shareAt = (ms: number): number => {
        const weight = Math.max(0.05, Math.min(1, ms / rampMs));
        return weight / (3 + weight);
      };
      let slices = 0;
      for (; Date.now() < beganBefore + rampMs - 300; slices += 1) {
        const least = shareAt(Date.now() - beganAfter);
        const { c = 0 } = await spread(bench, 120);
        const most = shareAt(Date.now() - beganBefore);
        assert.ok(
          c / 120 >= least - 0.05 && c / 120 <= most + 0.05,
          `${c} of 120, wanted ${least} to ${most}`,
        );
      }
      assert.ok(slices >= 2, `${slices} slices`);
      await until(() => rampsOf(bench).length === 0);
      assert.deepEqual(await spread(bench, 40), { a: 20, b: 10, c: 10 });
      assert.deepEqual(bench.workers(), workers, 'nothing was reloaded');
    } finally {
      await bench.dispose();
    }
  });

  it('goes on through a restart of nginx and a new controller, and a node that leaves ends it', async () => {
    const bench = await open(120_000);
    try {
      await bench.edge.remove('c', ignore, soon());
      await bench.edge.restore('c', ignore, soon());
      await bench.killNginx('SIGKILL');
      await bench.startNginx();
      const { c = 0 } = await spread(bench, 100);
      assert.ok(c <= 10, `${c} of 100 right after the restart`);
      const next = createNginxEdge(bench.options);
      await next.open([], soon());
      assert.deepEqual(rampsOf(bench), ['c']);
      const again = await spread(bench, 100);
      assert.ok((again.c ?? 0) <= 12, `${again.c} of 100 under the next controller`);
      await next.remove('c', ignore, soon());
      assert.deepEqual(rampsOf(bench), []);
      assert.deepEqual((await spread(bench, 30)).c, 0);
    } finally {
      await bench.dispose();
    }
  });

  it('with hash only keys of the node that comes back move, and each only to it', async () => {
    const bench = await open(120_000, { balance: { type: 'hash', key: '$arg_user' } });
    const askAll = async (): Promise<string[]> =>
      await Promise.all(
        Array.from({ length: 90 }, async (_, index) => (await bench.ask(`/?user=${index}`))[0] ?? ''),
      );
    try {
      const full = await askAll();
      await bench.edge.remove('c', ignore, soon());
      const without = await askAll();
      await bench.edge.restore('c', ignore, soon());
      const rising = await askAll();
      rising.forEach((node, index) => {
        if (node === 'c') assert.equal(full[index], 'c');
        else assert.equal(node, without[index]);
      });
      const count = (nodes: readonly string[]): number => nodes.filter((node) => node === 'c').length;
      assert.ok(count(full) > 10 && count(full) < 40, `${count(full)} of 90 keys, by weight 22`);
      assert.ok(count(rising) < count(full) / 2, `${count(rising)} of ${count(full)} keys at once`);
    } finally {
      await bench.dispose();
    }
  });

  it('least_conn weighs the load of a node that comes back by its share', async () => {
    const bench = await open(120_000, { balance: { type: 'least_conn' } });
    try {
      await bench.edge.remove('c', ignore, soon());
      await bench.edge.restore('c', ignore, soon());
      const { c = 0 } = await spread(bench, 100);
      assert.ok(c <= 10, `${c} of 100`);
    } finally {
      await bench.dispose();
    }
  });
});

describe('errors that the edge counts', () => {
  let bench: Bench;
  const servers: Server[] = [];
  before(async () => {
    servers.push(await serve('a'), await serve('b'));
    const nodes = [
      ...servers.map(({ port }, index) => nodeAt('ab'[index] ?? '', port)),
      nodeAt('c', await freePort()),
    ];
    bench = await makeBench({ kind: 'managed', mode: 'gate', more: { nodes } });
    await bench.edge.open([], soon());
  });
  after(async () => {
    await bench.dispose();
    await Promise.all(servers.map(({ close }) => close()));
  });
  // the edge may be a second late
  const errors = async (): Promise<Record<string, number>> => {
    await delay(1000);
    const traffic = (await bench.edge.traffic(soon())) ?? new Map<string, EdgeTraffic>();
    return Object.fromEntries([...traffic].map(([node, sums]) => [node, sums.errors]));
  };

  it('are answers of 5xx and failed tries by node, picked by nginx or by the gate; never 4xx', async () => {
    assert.deepEqual(await errors(), { a: 0, b: 0, c: 0 });
    for (let turn = 0; turn < 12; turn += 1) await send(bench.port, { path: '/status/404' });
    const first = await errors();
    assert.deepEqual([first.a, first.b], [0, 0]);
    assert.ok(
      (first.c ?? 0) >= 1,
      'a connection that was refused is an error, although another node answered',
    );
    await bench.edge.remove('c', ignore, soon());
    for (let turn = 0; turn < 10; turn += 1) await send(bench.port, { path: '/status/500' });
    // each nginx worker takes turns by itself, so that they may differ by one or two
    const { a = 0, b = 0, c } = await errors();
    assert.deepEqual([a + b, c], [10, first.c]);
    assert.ok(a >= 3 && b >= 3, `a ${a}, b ${b}`);
    await bench.edge.remove('b', ignore, soon());
    for (let turn = 0; turn < 3; turn += 1) await send(bench.port, { path: '/status/503', method: 'POST' });
    assert.deepEqual(await errors(), { a: a + 3, b, c });
  });
});
