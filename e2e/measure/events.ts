// What events cost: the CPU of a controller of 500 nodes and 10 edges, with and without clients of GET /v1/events, at rest and while
// nodes change state; and how late a change of state arrives. Edges and processes are fakes, the checks are real.
//   node e2e/measure/events.ts [--nodes 500] [--edges 10] [--clients 50] [--seconds 20] [--rounds 3] [--changes 10]
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, type IncomingMessage, request } from 'node:http';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { freePorts } from '../support/ports.ts';

const { values } = parseArgs({
  options: {
    nodes: { type: 'string', default: '500' },
    edges: { type: 'string', default: '10' },
    clients: { type: 'string', default: '50' },
    seconds: { type: 'string', default: '20' },
    rounds: { type: 'string', default: '3' },
    changes: { type: 'string', default: '10' },
  },
});
const nodes = Number(values.nodes);
const seconds = Number(values.seconds);
const changesPerSecond = Number(values.changes);
const ticksPerSecond = 100;
const folder = mkdtempSync(join(tmpdir(), 'lameduck-events-'));
const socketPath = join(folder, 'control.sock');
const [port = 0] = await freePorts(1);
const agent = new Agent({ keepAlive: true, maxSockets: 20 });

/** One nginx answers the checks of all nodes. */
function startTarget(): ChildProcess {
  const conf = join(folder, 'nginx.conf');
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (kind) => `${kind}_temp_path ${folder}/${kind};`,
  );
  writeFileSync(
    conf,
    `daemon off; worker_processes 1; pid ${folder}/nginx.pid; error_log ${folder}/error.log;
events { worker_connections 4096; }
http { access_log off; keepalive_timeout 60; ${temporary.join(' ')}
  server { listen ${port} backlog=4096; location / { return 200 "ok"; } } }
`,
  );
  const nginx = process.env['LAMEDUCK_NGINX'] ?? '/usr/sbin/nginx';
  return spawn(nginx, ['-p', folder, '-c', conf], { stdio: ['ignore', 'ignore', 'inherit'] });
}

async function startController(): Promise<ChildProcess> {
  const script = join(import.meta.dirname, '../../packages/controller/test/measure/serve-events.ts');
  const child = spawn(process.execPath, [script, values.nodes, values.edges, String(port), socketPath], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout as NodeJS.ReadableStream, 'data');
  return child;
}

interface Client {
  bytes: number;
  close(): void;
}

async function listen(onEvent?: (event: string, data: string) => void): Promise<Client> {
  const asked = request({ socketPath, path: '/v1/events', agent: false }).end();
  const [response] = (await once(asked, 'response')) as [IncomingMessage];
  const client: Client = { bytes: 0, close: () => response.destroy() };
  let rest = '';
  response.on('error', () => {});
  response.on('data', (chunk: Buffer) => {
    client.bytes += chunk.length;
    if (onEvent === undefined) return;
    const parts = (rest + chunk.toString()).split('\n\n');
    rest = parts.pop() ?? '';
    for (const part of parts)
      onEvent(/^event: (.*)$/m.exec(part)?.[1] ?? '', /^data: (.*)$/m.exec(part)?.[1] ?? '{}');
  });
  return client;
}

async function post(path: string): Promise<void> {
  const asked = request({ socketPath, method: 'POST', path, agent }).end();
  const [response] = (await once(asked, 'response')) as [IncomingMessage];
  await text(response);
}

/** Each is a node that is drained and, a little later, put back. */
async function changeNodes(until: number): Promise<void> {
  const begun: Promise<void>[] = [];
  for (let turn = 0; Date.now() < until; turn += 1) {
    const node = `n${turn % nodes}`;
    begun.push(post(`/v1/nodes/${node}/drain`).then(() => post(`/v1/nodes/${node}/ready`)));
    await pause(2000 / changesPerSecond);
  }
  await Promise.all(begun);
}

function cpuTicks({ pid }: ChildProcess): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return Number(fields[11]) + Number(fields[12]);
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((one, other) => one - other);
  const [low, high] = [sorted[(sorted.length - 1) >> 1], sorted[sorted.length >> 1]];
  return ((low ?? Number.NaN) + (high ?? Number.NaN)) / 2;
}

/** Share of a core over the window. */
async function cpu(child: ChildProcess, isChanging: boolean): Promise<number> {
  await pause(2000);
  const began = Date.now();
  const before = cpuTicks(child);
  if (isChanging) await changeNodes(began + seconds * 1000);
  else await pause(seconds * 1000);
  return (cpuTicks(child) - before) / ticksPerSecond / ((Date.now() - began) / 1000);
}

/** From the begin of an operation until the new state of its node has arrived. */
async function latencies(): Promise<readonly number[]> {
  const beganAt = new Map<string, number>();
  const late: number[] = [];
  const client = await listen((event, data) => {
    if (event === 'operation') {
      const { node, type, operation, at } = JSON.parse(data) as Record<string, string>;
      if (type === 'began' && operation === 'drain') beganAt.set(node ?? '', Date.parse(at ?? ''));
    } else if (event === 'node') {
      const { name, inRotation } = JSON.parse(data) as { name: string; inRotation: boolean };
      const began = beganAt.get(name);
      if (inRotation || began === undefined) return;
      beganAt.delete(name);
      late.push(Date.now() - began);
    }
  });
  await changeNodes(Date.now() + seconds * 1000);
  client.close();
  return late.sort((one, other) => one - other);
}

const target = startTarget();
const child = await startController();
try {
  await pause(10_000);
  const rows: string[] = [];
  const more: number[] = [];
  for (let round = 1; round <= Number(values.rounds); round += 1) {
    for (const isChanging of [false, true]) {
      process.stderr.write(`round ${round} …\n`);
      const without = await cpu(child, isChanging);
      const clients = await Promise.all(Array.from({ length: Number(values.clients) }, () => listen()));
      const began = clients.map(({ bytes }) => bytes);
      const withThem = await cpu(child, isChanging);
      const bytes = clients.reduce((sum, client, index) => sum + client.bytes - (began[index] ?? 0), 0);
      for (const client of clients) client.close();
      // 30 s after the last client has left nothing is made any more
      await pause(32_000);
      more.push(withThem / without - 1);
      const what = isChanging ? `${changesPerSecond} changes of state/s` : 'at rest';
      const kilobytes = Math.round(bytes / clients.length / (seconds + 2) / 1000);
      const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;
      rows.push(
        `| ${what} | ${percent(without)} | ${percent(withThem)} | ${percent(withThem - without)} | ${kilobytes} kB/s | ${(loadavg()[0] ?? 0).toFixed(0)} |`,
      );
    }
  }
  const listeners = await Promise.all(Array.from({ length: Number(values.clients) - 1 }, () => listen()));
  const late = await latencies();
  for (const client of listeners) client.close();
  const share = (part: number): number => late[Math.ceil(late.length * part) - 1] ?? Number.NaN;
  const lines = [
    `${nodes} nodes, ${values.edges} edges, ${values.clients} clients, ${seconds} s each, in turn`,
    '',
    '| | CPU of one core, no client | with them | more | to each client | load |',
    '|---|---|---|---|---|---|',
    ...rows,
    '',
    `more in the median of ${more.length} pairs: ${(median(more) * 100).toFixed(0)} %`,
    '',
    `a change of state arrives after ${share(0.5)} ms (median), ${share(0.95)} ms (p95), ${share(1)} ms (most), of ${late.length}`,
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
} finally {
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  await ended;
  target.kill('SIGTERM');
  agent.destroy();
  rmSync(folder, { recursive: true, force: true });
}
