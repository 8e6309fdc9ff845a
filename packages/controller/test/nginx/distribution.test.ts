import assert from 'node:assert/strict';
import { request } from 'node:http';
import { describe, it } from 'node:test';
import type { NginxBalance } from '../../src/adapters/nginx/options.ts';
import type { EdgeNode } from '../../src/ports/edge.ts';
import { type Backend, type Bench, ignore, makeBench, soon, until } from './harness.ts';

// The same requests to two edges that differ in nothing but the gate: nginx balances by itself in the one, and in the
// other too while nothing is out, or the gate's own code does. Where requests go must be as good as the same.

type Shares = Readonly<Record<string, number>>;
type Ask = (bench: Bench) => Promise<readonly string[]>;

const weights = [1, 2, 3];

// Both in front of the same nodes where a key decides: the picks are to be the same then, not only the shares.
async function makePair(
  balance: NginxBalance,
  isKeyed: boolean,
): Promise<readonly [gate: Bench, plain: Bench]> {
  const weighted = (backend: Backend, index: number) => ({ ...backend.node, weight: weights[index] ?? 1 });
  const make = (mode: 'gate' | 'reload', nodes?: readonly EdgeNode[]): Promise<Bench> => {
    const nodesOf = (backends: readonly Backend[]) => nodes ?? backends.map(weighted);
    return makeBench({ kind: 'managed', mode, more: { balance }, nodesOf });
  };
  const gate = await make('gate');
  return [gate, await make('reload', isKeyed ? gate.options.nodes : undefined)];
}

/** The node of one request on a connection of its own, from this address. */
function nodeOf(bench: Bench, path: string, localAddress = '127.0.0.1'): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port: bench.port, path, localAddress, agent: false };
    const outgoing = request(options, (incoming) => {
      let text = '';
      incoming.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
      incoming.once('error', reject);
      incoming.once('end', () => resolve(text[0] ?? ''));
    });
    outgoing.once('error', reject);
    outgoing.end();
  });
}

async function inTurn(count: number, one: (index: number) => Promise<string>): Promise<readonly string[]> {
  const nodes: string[] = [];
  for (let index = 0; index < count; index += 1) nodes.push(await one(index));
  return nodes;
}

function shares(nodes: readonly string[]): Shares {
  const names = ['a', 'b', 'c'];
  return Object.fromEntries(
    names.map((name) => [name, nodes.filter((node) => node === name).length / nodes.length]),
  );
}

function assertAlike(gate: readonly string[], plain: readonly string[], within: number, when: string): void {
  const [ours, its] = [shares(gate), shares(plain)];
  for (const name of ['a', 'b', 'c']) {
    const [one = 0, other = 0] = [ours[name], its[name]];
    const text = `${when}, node ${name}: gate ${one.toFixed(3)}, nginx ${other.toFixed(3)}`;
    assert.ok(Math.abs(one - other) <= within, text);
    assert.equal(one === 0, other === 0, text);
  }
}

const keys = 240;
const byUser: Ask = (bench) => inTurn(keys, (index) => nodeOf(bench, `/?user=u${index}`));
const byAddress: Ask = (bench) => inTurn(keys, (index) => nodeOf(bench, '/', `127.${1 + (index % 250)}.7.9`));
const oneByOne: Ask = (bench) => inTurn(180, () => nodeOf(bench, '/'));

/** All at once, none answered before the last has been picked for. */
const atOnce: Ask = async (bench) => {
  const count = 36;
  const begun = (): number => bench.backends.flatMap(({ asked }) => asked).filter(isWaiting).length;
  const before = begun();
  const nodes = Array.from({ length: count }, () => nodeOf(bench, '/wait-all'));
  await until(() => begun() === before + count);
  for (const { release } of bench.backends) release();
  return Promise.all(nodes);
};
const isWaiting = (path: string): boolean => path === '/wait-all';

// least_conn: what is picked within a millisecond by two workers.
const cases: readonly { balance: NginxBalance; ask: Ask; within: number; isKeyed: boolean }[] = [
  { balance: { type: 'round_robin' }, ask: oneByOne, within: 0.03, isKeyed: false },
  { balance: { type: 'least_conn' }, ask: atOnce, within: 0.09, isKeyed: false },
  { balance: { type: 'ip_hash' }, ask: byAddress, within: 0, isKeyed: true },
  { balance: { type: 'hash', key: '$arg_user' }, ask: byUser, within: 0, isKeyed: true },
  { balance: { type: 'hash', key: '$arg_user', isConsistent: true }, ask: byUser, within: 0, isKeyed: true },
];

describe('requests go where nginx itself would send them', () => {
  for (const { balance, ask, within, isKeyed } of cases) {
    const consistent = 'isConsistent' in balance ? ' consistent' : '';
    it(`${balance.type}${consistent}: with nothing out, with one node out, and when it is back`, async (t) => {
      const [gate, plain] = await makePair(balance, isKeyed);
      try {
        await Promise.all([gate.edge.open([], soon()), plain.edge.open([], soon())]);
        const [all, itsAll] = [await ask(gate), await ask(plain)];
        assertAlike(all, itsAll, within, 'nothing out');
        if (isKeyed) assert.deepEqual(all, itsAll);
        await Promise.all([gate.edge.remove('b', ignore, soon()), plain.edge.remove('b', ignore, soon())]);
        const [without, itsWithout] = [await ask(gate), await ask(plain)];
        assertAlike(without, itsWithout, within, 'b out');
        assert.ok(!without.includes('b'));
        if (isKeyed) assert.deepEqual(without, itsWithout);
        if (isKeyed)
          for (const [index, node] of all.entries())
            if (node !== 'b') assert.equal(without[index], node, `key ${index} has moved`);
        await Promise.all([gate.edge.restore('b', ignore, soon()), plain.edge.restore('b', ignore, soon())]);
        const back = await ask(gate);
        assertAlike(back, await ask(plain), within, 'b back');
        if (isKeyed) assert.deepEqual(back, all);
        t.diagnostic(`${JSON.stringify(shares(all))} nginx ${JSON.stringify(shares(itsAll))}`);
      } finally {
        await Promise.all([gate.dispose(), plain.dispose()]);
      }
    });
  }
});
