import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Agent, type IncomingMessage, request } from 'node:http';
import { after, before, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { EdgeNode } from '../../src/ports/edge.ts';
import {
  type Backend,
  type Bench,
  type BenchOptions,
  freePort,
  ignore,
  isAlive,
  makeBench,
  soon,
  until,
} from './harness.ts';

// Connections whose nginx worker is known, so that the workers take turns: by what each counts for itself they would pick otherwise.

/** A connection that is kept, to one worker. */
interface Client {
  readonly pid: number;
  readonly agent: Agent;
}

const weights = [1, 2, 3];

describe('least_conn under the gate counts the requests of every nginx worker', () => {
  let bench: Bench;
  let port: number;
  const agents: Agent[] = [];
  before(async () => {
    port = await freePort();
    const server = `listen 127.0.0.1:${port} reuseport; location = /pid { return 200 $pid; }`;
    bench = await makeBench({
      ...{ kind: 'attached', mode: 'gate', server, more: { balance: { type: 'least_conn' } } },
      nodesOf: (backends) => backends.map(({ node }, index) => ({ ...node, weight: weights[index] ?? 1 })),
    });
    await bench.edge.open([], soon());
  });
  after(async () => {
    for (const agent of agents) agent.destroy();
    await bench.dispose();
  });

  async function connect(): Promise<Client> {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    agents.push(agent);
    return { agent, pid: Number(await (await begin(agent, '/pid')).text()) };
  }

  async function begin(agent: Agent, path: string): Promise<{ text(): Promise<string> }> {
    const outgoing = request({ host: '127.0.0.1', port, path, agent }).on('error', ignore).end();
    const answer = once(outgoing, 'response') as Promise<[IncomingMessage]>;
    answer.catch(ignore);
    return {
      text: async () => {
        const chunks: Buffer[] = [];
        for await (const chunk of (await answer)[0]) chunks.push(chunk as Buffer);
        return Buffer.concat(chunks).toString('latin1');
      },
    };
  }

  /** So many connections to each of two workers; the workers in the order of their pids. */
  async function connectBoth(count: number): Promise<readonly [readonly Client[], readonly Client[]]> {
    const clients: Client[] = [];
    const byWorker = (): readonly (readonly Client[])[] =>
      bench.workers().map((worker) => clients.filter(({ pid }) => pid === worker));
    await until(async () => {
      clients.push(await connect());
      return bench.workers().length === 2 && byWorker().every((own) => own.length >= count);
    });
    const [one = [], other = []] = byWorker();
    return [one.slice(0, count), other.slice(0, count)];
  }

  /** Resolves when a node has the request, which then waits; other workers know of it a millisecond later. */
  async function hold({ agent }: Client, path: string): Promise<void> {
    await begin(agent, path);
    await until(() => bench.backends.some(({ asked }) => asked.includes(path)));
    await delay(3);
  }

  function held(prefix: string): readonly number[] {
    return bench.backends.map(({ asked }) => asked.filter((path) => path.startsWith(prefix)).length);
  }

  async function releaseAll(): Promise<void> {
    for (const { release } of bench.backends) release();
    for (const name of ['a', 'b', 'c'])
      await until(async () => (await bench.edge.inFlight(name, soon())) === 0);
  }

  it('two workers that take turns fill the nodes by their weights, request by request', async () => {
    const [one, other] = await connectBoth(9);
    for (let turn = 0; turn < 18; turn += 1) {
      const client = (turn % 2 === 0 ? one : other)[turn >> 1];
      assert.ok(client !== undefined);
      await hold(client, `/wait-turn-${turn}`);
      const rounds = (turn + 1) / 6;
      if (Number.isInteger(rounds))
        assert.deepEqual(
          held('/wait-turn-'),
          weights.map((weight) => weight * rounds),
        );
    }
    await releaseAll();
  });

  it('what a worker had under way that was killed does not count', async () => {
    const [killed, other] = await connectBoth(6);
    await bench.edge.remove('b', ignore, soon());
    await bench.edge.remove('c', ignore, soon());
    for (const [index, client] of killed.entries()) await hold(client, `/wait-lost-${index}`);
    assert.deepEqual(held('/wait-lost-'), [6, 0, 0]);
    await bench.edge.restore('b', ignore, soon());
    await bench.edge.restore('c', ignore, soon());
    const { pid = 0 } = killed[0] ?? {};
    process.kill(pid, 'SIGKILL');
    await until(() => !isAlive(pid) && bench.workers().length === 2);
    const [first, second] = await connectBoth(1);
    const fresh = [...first, ...second].find((client) => client.pid !== other[0]?.pid);
    assert.ok(fresh !== undefined);
    // its first request is how the others learn of it, and of who is gone
    await (await begin(fresh.agent, '/')).text();
    await delay(3);
    for (const [index, client] of other.entries()) await hold(client, `/wait-then-${index}`);
    assert.deepEqual(held('/wait-then-'), weights);
    await releaseAll();
  });
});

describe('what the gate cannot balance', () => {
  const hooked = { kind: 'attached', http: 'log_by_lua_block { local x = 1 }' } as const;
  const heavy = (backends: readonly Backend[]): readonly EdgeNode[] =>
    backends.map(({ node }) => ({ ...node, weight: 1_334 }));
  const cases: readonly { what: string; wanted: Omit<BenchOptions, 'mode'>; refusal: object }[] = [
    {
      what: 'least_conn where a Lua hook of the user keeps it from counting',
      wanted: { ...hooked, more: { balance: { type: 'least_conn' } } },
      refusal: {
        code: 'edgeRejected',
        message:
          /current value is .*is duplicate in .*\(with least_conn the gate needs log_by_lua .*, or use mode reload/,
      },
    },
    {
      what: 'hash consistent with weights of more than 4,000 in all',
      wanted: {
        ...{ kind: 'managed', nodesOf: heavy },
        more: { balance: { type: 'hash', key: '$uri', isConsistent: true } },
      },
      refusal: { code: 'config', message: /sum up to at most 4000 .*: current value is 4002$/ },
    },
  ];
  for (const { what, wanted, refusal } of cases) {
    it(`is refused by mode gate, and nginx does it in mode auto: ${what}`, async () => {
      for (const mode of ['gate', 'auto'] as const) {
        const bench = await makeBench({ ...wanted, mode });
        try {
          if (mode === 'gate') await assert.rejects(bench.edge.open([], soon()), refusal);
          else {
            await bench.edge.open([], soon());
            assert.equal((await bench.edge.status(soon())).mode, 'reload');
            assert.match(await bench.ask(), /^[abc] GET 0$/);
          }
        } finally {
          await bench.dispose();
        }
      }
    });
  }
});
