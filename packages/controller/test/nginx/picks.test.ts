import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { parseAddress } from '@lameduck/core';
import type { NginxBalance } from '../../src/adapters/nginx/options.ts';
import type { EdgeNode } from '../../src/ports/edge.ts';
import { type Bench, freePort, ignore, makeBench, nginxBinary, soon, until } from './harness.ts';

// One nginx without lameduck, which has four servers and in front of them each method with each set of servers that are `down`;
// and another one with the gate, in front of the same four servers. For each key both must pick the same.

/** What picks a node: a client's address, or a header. */
interface Key {
  readonly client?: string;
  readonly text?: string;
}

interface Method {
  readonly balance: NginxBalance;
  /** As it stands in an nginx configuration. */
  readonly line: string;
  readonly keys: readonly Key[];
}

const names = ['a', 'b', 'c', 'd'] as const;
const outs: readonly (readonly string[])[] = [[], ['a'], ['c'], ['b', 'd'], ['a', 'b', 'c']];
const hasIpv6 = Object.values(networkInterfaces()).some((list) =>
  list?.some(({ address }) => address === '::1'),
);
// what tells the client's address in place of the connection's
const realIp = 'set_real_ip_from 127.0.0.1; real_ip_header X-Client;';

/** Always the same ones, as good as chance. */
function bytesOf(seed: string): readonly number[] {
  return [...createHash('sha256').update(seed).digest()];
}

function times<Item>(count: number, make: (index: number) => Item): readonly Item[] {
  return Array.from({ length: count }, (_, index) => make(index));
}

function hex(bytes: readonly number[]): string {
  return bytes.map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

const textKeys: readonly Key[] = [
  ...times(700, (index) => ({ text: `${index}` })),
  ...times(700, (index) => ({ text: hex(bytesOf(`session ${index}`)) })),
  ...times(600, (index) => ({
    text: `/caf\u00e9/${index % 7}?\u00ff=${hex(bytesOf(`${index}`)).slice(0, index % 40)}-${index}`,
  })),
];
const addressKeys: readonly Key[] = [
  ...times(1_000, (index) => ({ client: bytesOf(`v4 ${index}`).slice(0, 4).join('.') })),
  ...times(1_000, (index) => ({
    client: (hex(bytesOf(`v6 ${index}`).slice(0, 16)).match(/.{4}/g) ?? []).join(':'),
  })),
];
const methods: readonly Method[] = [
  { balance: { type: 'ip_hash' }, line: 'ip_hash;', keys: addressKeys },
  { balance: { type: 'hash', key: '$http_x_key' }, line: 'hash $http_x_key;', keys: textKeys },
  {
    balance: { type: 'hash', key: '$http_X_Key-v1', isConsistent: true },
    line: 'hash $http_x_key-v1 consistent;',
    keys: textKeys,
  },
];
const weightSets: readonly (readonly number[])[] = [
  [1, 1, 1, 1],
  [5, 1, 3, 4],
];

interface Plain {
  readonly port: number;
  readonly addresses: readonly string[];
  close(): Promise<void>;
}

function pathOf(weights: readonly number[], { balance }: Method, out: readonly string[]): string {
  return `/${weights.join('-')}/${methods.findIndex((method) => method.balance === balance)}/out-${out.join('')}/`;
}

/** Every method, with every weights, and every set of servers that are down. */
function renderPlain(addresses: readonly string[], port: number): string {
  const cases = weightSets.flatMap((weights) =>
    methods.flatMap((method) => outs.map((out) => ({ weights, method, out }))),
  );
  const upstreams = cases.map(({ weights, method, out }, index) => {
    const servers = addresses.map((address, place) => {
      const down = out.includes(names[place] ?? '') ? ' down' : '';
      return `server ${address} weight=${weights[place]}${down};`;
    });
    return `upstream u${index} { zone z${index} 64k; ${method.line} ${servers.join(' ')} keepalive 16; }`;
  });
  const locations = cases.map(
    ({ weights, method, out }, index) =>
      `location ${pathOf(weights, method, out)} { proxy_pass http://u${index}; }`,
  );
  return `
    ${addresses.map((address, place) => `server { listen ${address}; location / { return 200 ${names[place]}; } }`).join('\n')}
    ${upstreams.join('\n')}
    server { listen 127.0.0.1:${port}; ${realIp} proxy_http_version 1.1; proxy_set_header Connection ""; ${locations.join('\n')} }`;
}

async function startPlain(): Promise<Plain> {
  const folder = mkdtempSync(join(tmpdir(), 'lameduck-plain-'));
  const [port, one, two, three] = [await freePort(), await freePort(), await freePort(), await freePort()];
  const third = hasIpv6 ? `[::1]:${three}` : `127.0.0.1:${three}`;
  const addresses = [`127.0.0.1:${one}`, `127.0.0.1:${two}`, third, `unix:${join(folder, 'd.sock')}`];
  const temp = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  const conf = join(folder, 'plain.conf');
  writeFileSync(
    conf,
    `daemon off; user root; worker_processes 1; pid ${folder}/pid; error_log stderr emerg;
    events { worker_connections 512; }
    http { access_log off; ${temp.map((name) => `${name}_temp_path ${folder}/${name};`).join(' ')}
    ${renderPlain(addresses, port)} }`,
  );
  const child = spawn(nginxBinary, ['-c', conf], { stdio: ['ignore', 'ignore', 'inherit'] });
  const exited = once(child, 'exit');
  const plain: Plain = {
    port,
    addresses,
    close: async () => {
      child.kill('SIGTERM');
      await exited;
      rmSync(folder, { recursive: true, force: true });
    },
  };
  await until(async () => (await picks(port, '/', [{}]).catch(ignore)) !== undefined);
  return plain;
}

function renderRequest(path: string, { client, text }: Key, isLast: boolean): string {
  const headers = [
    ...(client === undefined ? [] : [`X-Client: ${client}`]),
    ...(text === undefined ? [] : [`X-Key: ${text}`]),
    ...(isLast ? ['Connection: close'] : []),
  ];
  return [`GET ${path} HTTP/1.1`, 'Host: shop', ...headers, '', ''].join('\r\n');
}

/** The name of the node of each key, in their order; one connection, all requests written at once. */
async function picksOf(port: number, path: string, keys: readonly Key[]): Promise<readonly string[]> {
  const socket = connect(port, '127.0.0.1');
  const requests = keys.map((key, index) => renderRequest(path, key, index === keys.length - 1));
  socket.write(Buffer.from(requests.join(''), 'latin1'));
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(chunk as Buffer);
  const [, ...answers] = Buffer.concat(chunks).toString('latin1').split('HTTP/1.1 ');
  return answers.map((answer) => (answer.startsWith('200 ') ? answer.slice(-1) : answer));
}

/** The same with several connections: nginx ends one after a thousand requests. */
async function picks(port: number, path: string, keys: readonly Key[]): Promise<readonly string[]> {
  const parts = times(Math.ceil(keys.length / 250), (index) => keys.slice(index * 250, (index + 1) * 250));
  return (await Promise.all(parts.map((part) => picksOf(port, path, part)))).flat();
}

function assertSame(gate: readonly string[], plain: readonly string[], keys: readonly Key[]): void {
  const others = keys.flatMap((key, index) =>
    gate[index] === plain[index] ? [] : [{ key, gate: gate[index], plain: plain[index] }],
  );
  assert.deepEqual(others, []);
}

describe('the gate picks for each key the node that nginx itself would', () => {
  let plain: Plain;
  before(async () => {
    plain = await startPlain();
  });
  after(async () => {
    await plain.close();
  });

  async function withGate(
    weights: readonly number[],
    { balance }: Method,
    run: (bench: Bench) => Promise<void>,
  ) {
    const nodes = plain.addresses.map((text, index): EdgeNode => {
      const address = parseAddress(text);
      assert.ok(address !== undefined);
      return { name: names[index] ?? '', weight: weights[index] ?? 1, address };
    });
    const bench = await makeBench({ kind: 'attached', mode: 'gate', http: realIp, more: { balance, nodes } });
    try {
      await bench.edge.open([], soon());
      await run(bench);
    } finally {
      await bench.dispose();
    }
  }

  async function takeOut(bench: Bench, out: readonly string[]): Promise<void> {
    for (const name of names) {
      if (out.includes(name)) await bench.edge.remove(name, ignore, soon());
      else await bench.edge.restore(name, ignore, soon());
    }
  }

  for (const weights of weightSets) {
    for (const method of methods) {
      it(`${method.line} weights ${weights.join(' ')}: with nothing out, and as if those that are out were down`, async () => {
        await withGate(weights, method, async (bench) => {
          for (const out of [...outs, []]) {
            await takeOut(bench, out);
            const [ours, its] = [
              await picks(bench.port, '/', method.keys),
              await picks(plain.port, pathOf(weights, method, out), method.keys),
            ];
            assertSame(ours, its, method.keys);
            assert.deepEqual(
              [...new Set(ours)].sort(),
              names.filter((name) => !out.includes(name)),
            );
          }
        });
      });
    }
  }

  it('requests whose key is empty are spread over all nodes', async () => {
    for (const method of methods.filter(({ line }) => line === 'hash $http_x_key;'))
      await withGate([1, 1, 1, 1], method, async (bench) => {
        const nodes = await picks(
          bench.port,
          '/',
          times(40, () => ({})),
        );
        assert.equal(new Set(nodes).size, 4);
      });
  });
});
