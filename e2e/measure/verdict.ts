// Measures how long after the exit of the last old nginx worker the controller says that a node is out (reload mode, mixed
// load). The exits are told by the kernel to a process of their own, watch-exits.py; the controller has no part in it.
//   node e2e/measure/verdict.ts [--drains 60] [--nginx PATH]
// Prints Markdown. Takes two to three seconds for each drain.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import type { OperationReport } from '@lameduck/core';
import { formatLedger } from '@lameduck/ledger';
import { askController } from '../support/control-socket.ts';
import { childrenOf } from '../support/edge-processes.ts';
import { statusOf } from '../support/reports.ts';
import { type RunningService, runService, spawnLameduck } from '../support/run-service.ts';
import { quantile } from '../support/scale.ts';
import { nodeName } from '../support/service-config.ts';
import { underLoad } from '../support/under-load.ts';
import { until } from '../support/until.ts';

const { values } = parseArgs({
  options: { drains: { type: 'string', default: '60' }, nginx: { type: 'string', default: '' } },
});

/** When each child of a process ended, in milliseconds since 1970. */
function watchExits(parent: number): {
  readonly endedAt: ReadonlyMap<number, number>;
  stop(): Promise<void>;
} {
  const script = join(import.meta.dirname, 'watch-exits.py');
  const child = spawn('python3', [script, String(parent)], { stdio: ['ignore', 'pipe', 'inherit'] });
  const endedAt = new Map<number, number>();
  createInterface({ input: child.stdout }).on('line', (line) => {
    const [pid, at] = line.split(' ').map(Number);
    endedAt.set(pid ?? 0, at ?? Number.NaN);
  });
  return { endedAt, stop: () => end(child) };
}

/** Of one drain, milliseconds since 1970 or, as a lateness, after the last exit. */
interface Verdict {
  /** The edge had proved it. */
  readonly proved: number;
  /** That was durable, and the operation went on to its next step. */
  readonly noted: number;
}

/** When the controller said of each drain that its node is out, in their order. */
async function watchVerdicts(
  service: RunningService,
): Promise<{ readonly seen: readonly Verdict[]; stop(): Promise<void> }> {
  const child = spawnLameduck(service.folder, 'events', '--json');
  const seen: Verdict[] = [];
  let proved = Number.NaN;
  const lines = createInterface({ input: child.stdout });
  lines.on('line', (line) => {
    const { event, data } = JSON.parse(line) as { event: string; data: Record<string, string> };
    if (event !== 'operation' || data['operation'] !== 'drain') return;
    const at = Date.parse(data['at'] ?? '');
    if (data['type'] === 'edge' && data['state'] === 'quiesced') proved = at;
    if (data['type'] === 'phaseEnded' && data['phase'] === 'remove') seen.push({ proved, noted: at });
  });
  await once(lines, 'line');
  return { seen, stop: () => end(child) };
}

async function end(child: ChildProcess): Promise<void> {
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  await ended;
}

async function operate(service: RunningService, kind: 'drain' | 'ready', node: string): Promise<void> {
  const line = await askController(service, 'POST', `/v1/nodes/${node}/${kind}`);
  const { report } = line as { report?: OperationReport };
  if (report?.code !== undefined) throw new Error(`${kind} ${node}: ${report.reason}`);
}

/** How long after the last exit of a worker that lived before the drain each verdict came. */
async function measure(service: RunningService, master: number): Promise<readonly Verdict[]> {
  const exits = watchExits(master);
  const verdicts = await watchVerdicts(service);
  const late: Verdict[] = [];
  try {
    for (let turn = 0; turn < Number(values.drains); turn += 1) {
      const name = nodeName(turn % 3);
      const old = childrenOf(master);
      await operate(service, 'drain', name);
      await until('the verdict and the exits are told', () => {
        return verdicts.seen.length > turn && old.every((pid) => exits.endedAt.has(pid));
      });
      const last = Math.max(...old.map((pid) => exits.endedAt.get(pid) ?? Number.NaN));
      const { proved, noted } = verdicts.seen[turn] ?? { proved: Number.NaN, noted: Number.NaN };
      late.push({ proved: proved - last, noted: noted - last });
      await operate(service, 'ready', name);
    }
  } finally {
    await Promise.all([exits.stop(), verdicts.stop()]);
  }
  return late;
}

/** `least / p50 / p99 / most` */
function spread(all: readonly number[]): string {
  const sorted = all.toSorted((one, other) => one - other);
  return [0.001, 0.5, 0.99, 1].map((share) => quantile(sorted, share).toFixed(0)).join(' / ');
}

const edge = values.nginx === '' ? {} : { nginx: resolve(values.nginx) };
const service = await runService({ nodes: ['app', 'app', 'app'], mode: 'reload', edge });
try {
  const [about] = (await statusOf(service)).edges;
  let late: readonly Verdict[] = [];
  const ledger = await underLoad(service, { connections: 40 }, async () => {
    late = await measure(service, about?.pid ?? 0);
  });
  const cells = [
    about?.server,
    late.length,
    spread(late.map(({ proved }) => proved)),
    spread(late.map(({ noted }) => noted)),
    readFileSync('/proc/net/tcp', 'latin1').split('\n').length,
    (loadavg()[0] ?? 0).toFixed(1),
  ];
  process.stdout.write(
    '| nginx | drains | last exit to proof, ms: least / p50 / p99 / most | and to the next step | TCP connections of the machine | load |\n|---|---|---|---|---|---|\n',
  );
  process.stdout.write(`| ${cells.join(' | ')} |\n`);
  process.stderr.write(`${formatLedger(ledger)}\n`);
} finally {
  await service.stop();
}
