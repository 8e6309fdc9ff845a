import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { request } from 'node:http';
import { describe, it } from 'node:test';
import { createNginxEdge } from '../../src/adapters/nginx/edge.ts';
import { describeEdge } from '../edge-contract.ts';
import { newerTool } from '../support/newer-tool.ts';
import { type Bench, ignore, makeBench, soon, until } from './harness.ts';
import { startLoad } from './load.ts';

// nginx as it is upstream now: no Lua, `keepalive_min_timeout` (1.27.4), kept upstream connections by default (1.29.7).
const { path: nginx, why } = newerTool('nginx');
const wanted = { kind: 'managed', mode: 'reload', more: { nginx } } as const;
const cookie = 'shop_node';

function sticky(drainMs: number): Parameters<typeof makeBench>[0] {
  const more = { nginx, sticky: { cookie, path: '/', expiresMs: undefined, drainMs } };
  return { kind: 'managed', mode: 'auto', more };
}

/** Who answered a browser with these cookies, and what it has afterwards. */
interface Visit {
  readonly status: number;
  readonly node: string;
  readonly jar: string;
}

/** One request on a connection of its own; without a jar it is a new client. */
async function visit(port: number, jar = ''): Promise<Visit> {
  return await new Promise((resolve, reject) => {
    const headers = jar === '' ? {} : { cookie: jar };
    const outgoing = request({ host: '127.0.0.1', port, agent: false, headers }, (incoming) => {
      let text = '';
      incoming.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
      const [set = ''] = incoming.headers['set-cookie'] ?? [];
      const known = set.startsWith(`${cookie}=`) ? (set.split(';')[0] ?? '') : jar;
      incoming.once('error', reject);
      incoming.once('end', () =>
        resolve({ status: incoming.statusCode ?? 0, node: text.split(' ')[0] ?? '', jar: known }),
      );
    });
    outgoing.once('error', reject);
    outgoing.end();
  });
}

/** A new client that came to this node. */
async function clientOf({ port }: Bench, node: string): Promise<string> {
  let met: Visit | undefined;
  await until(async () => {
    met = await visit(port);
    return met.node === node;
  });
  return met?.jar ?? '';
}

/** Comes again and again until it is told to stop; gives every answer. */
function keepVisiting(port: number, jar: string): { stop(): Promise<readonly Visit[]> } {
  let isStopping = false;
  const all = (async () => {
    const visits: Visit[] = [];
    while (!isStopping) visits.push(await visit(port, jar));
    return visits;
  })();
  return {
    stop: async () => {
      isStopping = true;
      return await all;
    },
  };
}

function nodesOf(visits: readonly Visit[]): string {
  return [...new Set(visits.map(({ node, status }) => `${node} ${status}`))].sort().join(', ');
}

if (!existsSync(nginx)) {
  it('a newer nginx', { skip: why }, () => undefined);
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
  describe('sticky sessions of a newer nginx', () => {
    it('E24: during drain the bound client stays and no new one comes; after down it moves without an error', async (t) => {
      const bench = await makeBench(sticky(1_500));
      try {
        const { edge, port, backends } = bench;
        await edge.open([], soon());
        assert.equal(edge.mode, 'reload');
        const bound = await clientOf(bench, 'a');
        const isDraining = Promise.withResolvers<void>();
        const drained = edge.drain?.(
          'a',
          ({ state }) => state === 'draining' && isDraining.resolve(),
          soon(),
        );
        await Promise.race([isDraining.promise, drained]);
        // alone at first: what bound clients send counts for round robin, which would spare the node anyway
        const came: Visit[] = [];
        for (let count = 0; count < 60; count += 1) came.push(await visit(port));
        const staying = keepVisiting(port, bound);
        const coming = keepVisiting(port, '');
        await drained;
        const stayed = await staying.stop();
        came.push(...(await coming.stop()));
        assert.equal(nodesOf(stayed), 'a 200');
        assert.equal(nodesOf(came), 'b 200, c 200');

        const moving = keepVisiting(port, bound);
        await edge.remove('a', ignore, soon());
        const asked = backends[0].asked.length;
        const moved = await visit(port, bound);
        const again = keepVisiting(port, moved.jar);
        await new Promise((resolve) => setTimeout(resolve, 300));
        const removed = await moving.stop();
        assert.ok(
          removed.every(({ status }) => status === 200),
          nodesOf(removed),
        );
        assert.notEqual(moved.node, 'a');
        assert.notEqual(moved.jar, bound);
        assert.equal(nodesOf(await again.stop()), `${moved.node} 200`);
        assert.equal(backends[0].asked.length, asked, 'a was asked after the proof');

        await edge.restore('a', ignore, soon());
        await clientOf(bench, 'a');
        assert.equal((await visit(port, moved.jar)).node, moved.node, 'a session moves once');
        t.diagnostic(
          `${stayed.length} requests of the bound client and ${came.length} new ones in 1.5 s of drain, ${removed.length} over the removal`,
        );
      } finally {
        await bench.dispose();
      }
    });

    it('the cookie has the domain and the flags that are wanted, and a browser is sent no more of it', async () => {
      const flags = { path: '/shop', expiresMs: 60_000, domain: 'shop.example', isSecure: true };
      const kept = { cookie, ...flags, sameSite: 'strict' as const, drainMs: 0 };
      const bench = await makeBench({ kind: 'managed', mode: 'auto', more: { nginx, sticky: kept } });
      try {
        await bench.edge.open([], soon());
        const answer = await fetch(`http://127.0.0.1:${bench.port}/`);
        const [name, ...attributes] = (answer.headers.get('set-cookie') ?? '').split('; ');
        assert.match(name ?? '', /^shop_node=[0-9a-f]+$/);
        const told = attributes.map((one) => one.toLowerCase()).filter((one) => !one.startsWith('expires='));
        const all = [
          'domain=shop.example',
          'httponly',
          'max-age=60',
          'path=/shop',
          'samesite=strict',
          'secure',
        ];
        assert.deepEqual(told.sort(), all);
      } finally {
        await bench.dispose();
      }
    });

    it('E24: an attached nginx keeps the bound client while its node drains, and moves it once after', async () => {
      const bench = await makeBench({ ...sticky(1_000), kind: 'attached' });
      try {
        const { edge, port, backends } = bench;
        await edge.open([], soon());
        const bound = await clientOf(bench, 'a');
        const isDraining = Promise.withResolvers<void>();
        const drained = edge.drain?.('a', () => isDraining.resolve(), soon());
        await Promise.race([isDraining.promise, drained]);
        const [staying, coming] = [keepVisiting(port, bound), keepVisiting(port, '')];
        await drained;
        assert.equal(nodesOf(await staying.stop()), 'a 200');
        assert.doesNotMatch(nodesOf(await coming.stop()), /a|50/);
        await edge.remove('a', ignore, soon());
        const asked = backends[0].asked.length;
        const moved = await visit(port, bound);
        assert.equal(moved.status, 200);
        const again = keepVisiting(port, moved.jar);
        await new Promise((resolve) => setTimeout(resolve, 200));
        assert.equal(nodesOf(await again.stop()), `${moved.node} 200`);
        assert.equal(backends[0].asked.length, asked, 'a was asked after the proof');
        await edge.restore('a', ignore, soon());
        assert.equal((await visit(port, moved.jar)).node, moved.node, 'a session moves once');
      } finally {
        await bench.dispose();
      }
    });

    it('E24: a node that dies while it drains: its sessions go to another one without an error', async () => {
      const bench = await makeBench(sticky(1_000));
      try {
        await bench.edge.open([], soon());
        const bound = await clientOf(bench, 'a');
        const isDraining = Promise.withResolvers<void>();
        const drained = bench.edge.drain?.('a', () => isDraining.resolve(), soon());
        await Promise.race([isDraining.promise, drained]);
        assert.equal((await visit(bench.port, bound)).node, 'a');
        await bench.backends[0].close();
        for (let count = 0; count < 10; count += 1) {
          const { node, status } = await visit(bench.port, bound);
          assert.ok(status === 200 && node !== 'a', `${status} of ${node}`);
        }
        await drained;
      } finally {
        await bench.dispose();
      }
    });

    it('E24: a drain that is given up is taken back', async () => {
      const bench = await makeBench(sticky(60_000));
      try {
        await bench.edge.open([], soon());
        const givenUp = new AbortController();
        let during = '';
        const giveUp = (): void => {
          during = readFileSync(bench.include, 'utf8');
          givenUp.abort();
        };
        const drained = bench.edge.drain?.('a', giveUp, givenUp.signal);
        await assert.rejects(async () => await drained, { name: 'AbortError' });
        assert.match(during, / drain;/);
        assert.doesNotMatch(readFileSync(bench.include, 'utf8'), / drain;/);
        await clientOf(bench, 'a');
      } finally {
        await bench.dispose();
      }
    });

    it('E24: a drain whose controller died ends when the next one opens the edge', async () => {
      const bench = await makeBench(sticky(60_000));
      const next = createNginxEdge(bench.options);
      const died = new AbortController();
      try {
        await bench.edge.open([], soon());
        const isDraining = Promise.withResolvers<void>();
        const drained = bench.edge.drain?.('a', () => isDraining.resolve(), died.signal);
        drained?.catch(ignore);
        await Promise.race([isDraining.promise, drained]);
        await bench.edge.release();
        assert.match(readFileSync(bench.include, 'utf8'), / drain;/);
        await next.open([], soon());
        assert.doesNotMatch(readFileSync(bench.include, 'utf8'), / drain;/);
        await clientOf(bench, 'a');
        died.abort();
        await assert.rejects(async () => await drained);
      } finally {
        died.abort();
        await next.close(soon(2_000)).catch(ignore);
        await bench.dispose();
      }
    });
  });
}
