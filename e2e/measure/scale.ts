// How the controller bears many nodes and edges: time to a decision and out of rotation, its memory and CPU. Real nginx
// edges with the gate; all nodes are addresses (127.1.0.0/16) of one listener. Prints Markdown.
//   node e2e/measure/scale.ts [--only operations|edges|footprint] [--nodes 500] [--edges 10] [--drains 100] [--seconds 20]
import type { ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { freePorts } from '../support/ports.ts';
import {
  drainMany,
  openSubject,
  quantile,
  type Subject,
  slowestProof,
  startListener,
} from '../support/scale.ts';

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    nodes: { type: 'string', default: '500' },
    edges: { type: 'string', default: '10' },
    drains: { type: 'string', default: '100' },
    seconds: { type: 'string', default: '20' },
  },
});
const ticksPerSecond = 100;

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** `p50 / p99 / most`. */
function spread(all: readonly number[]): string {
  const sorted = all.toSorted((one, other) => one - other);
  return [quantile(sorted, 0.5), quantile(sorted, 0.99), sorted.at(-1) ?? Number.NaN]
    .map((ms) => ms.toFixed(1))
    .join(' / ');
}

async function operations(nodes: number, edges: number, drains: number, port: number): Promise<void> {
  const subject = await openSubject(nodes, edges, port);
  try {
    await measureOperations(subject, nodes, edges, drains);
  } finally {
    await subject.close();
  }
}

async function measureOperations(
  subject: Subject,
  nodes: number,
  edges: number,
  drains: number,
): Promise<void> {
  const statuses: number[] = [];
  for (const atOnce of [1, 50].filter((one) => one <= nodes / 5 || one === 1)) {
    const answers = await drainMany(subject, nodes, drains, atOnce);
    const cells = [
      `${nodes} × ${edges}`,
      String(atOnce),
      String(answers.length),
      spread(answers.map(({ decidedMs }) => decidedMs)),
      spread(answers.map(slowestProof)),
      spread(answers.map(({ ms }) => ms)),
      (loadavg()[0] ?? 0).toFixed(1),
    ];
    print(`| ${cells.join(' | ')} |`);
  }
  for (let round = 0; round < 10; round += 1) statuses.push((await subject.ask({ type: 'status' })).ms);
  print(`\n${nodes} × ${edges}: status ${spread(statuses)} ms; start ${subject.openedMs.toFixed(0)} ms\n`);
}

function cpuTicks({ pid }: ChildProcess): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return Number(fields[11]) + Number(fields[12]);
}

function memoryMiB({ pid }: ChildProcess): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;
}

/** At rest: checks once a second on each node, and then with somebody who asks for the status once a second. */
async function footprint(nodes: number, port: number, seconds: number): Promise<void> {
  const subject = await openSubject(nodes, 1, port);
  await pause(5000);
  const cpu: string[] = [];
  const resident: string[] = [];
  for (const isWatched of [false, true]) {
    const before = cpuTicks(subject.child);
    const began = performance.now();
    for (let second = 0; second < seconds; second += 1) {
      if (isWatched) await subject.ask({ type: 'status' });
      await pause(1000);
    }
    const used = (cpuTicks(subject.child) - before) / ticksPerSecond / ((performance.now() - began) / 1000);
    cpu.push(`${(used * 100).toFixed(1)} %`);
    resident.push(`${memoryMiB(subject.child).toFixed(0)} MiB`);
  }
  const cells = [nodes, resident[0], cpu[0], resident[1], cpu[1], (loadavg()[0] ?? 0).toFixed(1)];
  print(`| ${cells.join(' | ')} |`);
  await subject.close();
}

const isWanted = (part: string): boolean => values.only === undefined || values.only === part;
const [port = 0] = await freePorts(1);
const nodes = await startListener(port);
const drains = Number(values.drains);
try {
  if (isWanted('operations') || isWanted('edges')) {
    print(
      '| nodes × edges | at once | drains | decided, ms | out of rotation on all edges, ms | whole drain, ms | load |',
    );
    print('|---|---|---|---|---|---|---|');
  }
  if (isWanted('edges')) for (const edges of [1, 10]) await operations(3, edges, drains, port);
  if (isWanted('operations')) await operations(Number(values.nodes), Number(values.edges), drains, port);
  if (isWanted('footprint')) {
    print('| nodes | at rest | CPU of a core | with `status` once a second | CPU of a core | load |');
    print('|---|---|---|---|---|---|');
    for (const count of [3, 100, 1000]) await footprint(count, port, Number(values.seconds));
  }
} finally {
  nodes.kill('SIGTERM');
}
