import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as pause } from 'node:timers/promises';
import { createNginxEdge, type Edge } from '@lameduck/controller';
import { pino } from 'pino';
import { freePorts } from '../support/ports.ts';
import type { Rounds } from './compare.ts';
import { median, say, spread } from './figures.ts';
import { temporaryFolder } from './peers.ts';
import { cpuMsOf, treeOf } from './process-tree.ts';
import { answering, end, lameduck, startTarget } from './targets.ts';
import { connections, wrk } from './wrk.ts';

const nginx = process.env['LAMEDUCK_NGINX'] ?? '/usr/sbin/nginx';
const nodes = 3;

interface Sample {
  readonly rate: number;
  readonly cpuUsPerRequest: number;
}

interface OpenEdge {
  readonly edge: Edge;
  readonly port: number;
  readonly pid: number;
}

/** What stands behind the edge. */
interface Backend {
  readonly name: string;
  start(folder: string): Promise<{ readonly ports: readonly number[]; stop(): Promise<unknown> }>;
}

/** Nearly free, so that the edge is most of what a request costs. */
const emptyAnswers: Backend = {
  name: 'one nginx that answers from memory',
  async start(folder) {
    const ports = await freePorts(nodes);
    const words = ['-p', folder, '-c', writeBackend(folder, ports)];
    const backend = spawn(nginx, words, { stdio: 'ignore' });
    await answering(ports[0] ?? 0, backend, 'the node');
    return { ports, stop: () => end(backend) };
  },
};

const ownNodes: Backend = {
  name: `${nodes} nodes of lameduck run`,
  async start() {
    const targets = await Promise.all(
      Array.from({ length: nodes }, () => startTarget({ ...lameduck(1), isSingle: false })),
    );
    return {
      ports: targets.map(({ port }) => port),
      stop: () => Promise.all(targets.map((target) => target.stop())),
    };
  },
};

/**
 * The gate while nothing is out, against the same nginx without it: in turn, pair by pair, small answers over kept
 * connections. CPU time is that of the edge's own processes: it holds on a machine that is busy.
 */
export async function sayGate(rounds: Rounds): Promise<void> {
  for (const backend of [ownNodes, emptyAnswers]) await compareBefore(backend, rounds);
}

async function compareBefore(backend: Backend, rounds: Rounds): Promise<void> {
  const folder = temporaryFolder();
  const edgePorts = await freePorts(2);
  const running = await backend.start(folder.path);
  const opened: OpenEdge[] = [];
  try {
    for (const [index, mode] of (['gate', 'reload'] as const).entries())
      opened.push(await openEdge(join(folder.path, mode), mode, edgePorts[index] ?? 0, running.ports));
    const [gate, plain] = opened as [OpenEdge, OpenEdge];
    for (const edge of opened) await measure(edge, 1000);
    const pairs: { gate: Sample; plain: Sample }[] = [];
    for (let index = 0; index < rounds.pairs; index += 1) {
      const isFirst = index % 2 === 0;
      const first = await measure(isFirst ? gate : plain, rounds.runMs);
      const second = await measure(isFirst ? plain : gate, rounds.runMs);
      pairs.push(isFirst ? { gate: first, plain: second } : { gate: second, plain: first });
    }
    sayPairs(pairs, rounds, backend.name);
  } finally {
    for (const { edge } of opened) await edge.close(AbortSignal.timeout(5000));
    await running.stop();
    folder.remove();
  }
}

function writeBackend(folder: string, ports: readonly number[]): string {
  mkdirSync(join(folder, 'temp'));
  const path = join(folder, 'nginx.conf');
  const temps = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path temp/${name};`,
  );
  const listens = ports.map((port) => `listen 127.0.0.1:${port};`);
  writeFileSync(
    path,
    `daemon off; worker_processes 1; pid nginx.pid; error_log error.log; events {} http { ${temps.join(' ')} access_log off;
     keepalive_requests 1000000; server { ${listens.join(' ')} location / { return 200 "hello\\n"; } } }`,
  );
  return path;
}

async function openEdge(
  directory: string,
  mode: 'gate' | 'reload',
  port: number,
  nodePorts: readonly number[],
): Promise<OpenEdge> {
  mkdirSync(directory);
  const edge = createNginxEdge({
    kind: 'managed',
    name: mode,
    service: 'shop',
    mode,
    nginx,
    directory,
    listen: { kind: 'tcp', host: '127.0.0.1', port },
    nodes: nodePorts.map((nodePort, index) => ({
      name: `node-${index}`,
      weight: 1,
      address: { kind: 'tcp', host: '127.0.0.1', port: nodePort },
    })),
    balance: { type: 'round_robin' },
    quiesceTimeoutMs: 10_000,
    environment: process.env,
    logger: pino({ level: 'silent' }),
  });
  await edge.open([], AbortSignal.timeout(20_000));
  const { pid = 0 } = await edge.status(AbortSignal.timeout(2000));
  if (mode === 'reload') await bufferAnswers(join(directory, 'nginx.conf'), pid);
  return { edge, port, pid };
}

/** An old nginx in reload mode does not buffer answers (docs/decisions.md); here the gate alone is to differ. */
async function bufferAnswers(path: string, pid: number): Promise<void> {
  writeFileSync(path, readFileSync(path, 'utf8').replace('proxy_buffering off;\n', ''));
  process.kill(pid, 'SIGHUP');
  await pause(1000);
}

async function measure({ port, pid }: OpenEdge, runMs: number): Promise<Sample> {
  const before = cpuOf(pid);
  const seconds = Math.max(1, Math.round(runMs / 1000));
  const words = ['-t1', `-c${connections}`, `-d${seconds}s`, `http://127.0.0.1:${port}/`];
  const loader = spawn(wrk, words, { stdio: ['ignore', 'pipe', 'inherit'] });
  const [output] = await Promise.all([text(loader.stdout), once(loader, 'close')]);
  // What was under way at the end is answered, and its CPU time noted.
  await pause(100);
  const answered = Number(/(\d+) requests in/.exec(output)?.[1] ?? 0);
  if (answered === 0 || /Non-2xx/.test(output)) throw new Error(`wrk: ${output}`);
  const cpuUsPerRequest = ((cpuOf(pid) - before) * 1000) / answered;
  return { rate: Number(/Requests\/sec:\s+([\d.]+)/.exec(output)?.[1] ?? 0), cpuUsPerRequest };
}

function cpuOf(pid: number): number {
  return treeOf(pid).reduce((sum, one) => sum + cpuMsOf(one), 0);
}

function sayPairs(
  pairs: readonly { gate: Sample; plain: Sample }[],
  { runMs }: Rounds,
  behind: string,
): void {
  const ratio = (pick: (sample: Sample) => number): string =>
    spread(
      pairs.map(({ gate, plain }) => pick(gate) / pick(plain)),
      3,
    );
  const of = (pick: (sample: Sample) => number, kind: 'gate' | 'plain'): string =>
    median(pairs.map((pair) => pick(pair[kind]))).toFixed(1);
  const load = loadavg()[0]?.toFixed(1);
  say(
    `\nbehind the edge: ${behind}; ${pairs.length} pairs of ${runMs} ms, ${connections} connections, load ${load}\n`,
  );
  say('| nothing is out | with the gate | without | ratio of pairs: median (least to most) |');
  say('|---|---|---|---|');
  const rate = (sample: Sample): number => sample.rate;
  const cpu = (sample: Sample): number => sample.cpuUsPerRequest;
  say(`| requests/s | ${of(rate, 'gate')} | ${of(rate, 'plain')} | ${ratio(rate)} |`);
  say(`| CPU of the edge per request, µs | ${of(cpu, 'gate')} | ${of(cpu, 'plain')} | ${ratio(cpu)} |`);
}
