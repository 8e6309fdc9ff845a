// Measures what docs/guarantees.md claims: restarts under mixed load, by mode and stack, with both ledgers.
//   node e2e/measure/guarantees.ts [--restarts 21] [--requests 20000] [--only gate-mixed|idle] [--minutes 9]
//     [--extra-gets 40] [--nginx PATH] [--parts FILE]
// Prints the tables as Markdown. Takes about a minute for each row, at most --minutes. With --parts each row's counts are added
// to the file, and what it has already is counted in: a run that was too short, or was stopped between rows, is gone on with.
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { runService } from '../support/run-service.ts';
import type { NodeKind } from '../support/service-config.ts';
import {
  addParts,
  keepPart,
  measureRestarts,
  type Part,
  readParts,
  type Scenario,
  type Wanted,
} from './restart-part.ts';

const { values } = parseArgs({
  options: {
    restarts: { type: 'string', default: '21' },
    requests: { type: 'string', default: '20000' },
    only: { type: 'string', default: '' },
    minutes: { type: 'string', default: '9' },
    'extra-gets': { type: 'string', default: '0' },
    nginx: { type: 'string', default: '' },
    parts: { type: 'string', default: '' },
  },
});
const nginx = values.nginx === '' ? '' : resolve(values.nginx);
const wanted: Wanted = {
  restarts: Number(values.restarts),
  requests: Number(values.requests),
  minutes: Number(values.minutes),
  extraGets: Number(values['extra-gets']),
  nginx,
};

const stacks: readonly (readonly [string, readonly NodeKind[]])[] = [
  ['our nodes', ['app', 'app', 'app']],
  ['Gunicorn nodes', ['gunicorn', 'gunicorn', 'gunicorn']],
  ['mixed', ['app', 'app', 'gunicorn']],
];
const suffix = nginx === '' ? '' : ', other nginx';
const scenarios: readonly Scenario[] = (['gate', 'reload'] as const).flatMap((mode) =>
  stacks.map(([name, nodes]) => ({ name: `${mode}, ${name}${suffix}`, mode, nodes })),
);

function percentile(numbers: readonly number[], share: number): string {
  const sorted = numbers.toSorted((one, other) => one - other);
  const value = sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN;
  return `${Math.round(value)} ms`;
}

function say(line = ''): void {
  process.stdout.write(`${line}\n`);
}

function sayTable(head: readonly string[], rows: readonly (readonly (string | number)[])[]): void {
  say(`| ${head.join(' | ')} |`);
  say(`|${head.map(() => '---|').join('')}`);
  for (const cells of rows) say(`| ${cells.join(' | ')} |`);
}

function sayLosses(outcomes: readonly Part[]): void {
  const head = [
    'case',
    'restarts',
    'sent',
    'lost',
    'of these idle keep-alive resets',
    '5xx',
    'truncated or wrong',
    'executed twice',
    'answered, not noted',
    'minutes',
  ];
  const rows = outcomes.map((part) => [
    part.scenario,
    part.wholeMs.length,
    part.sent.toLocaleString('en'),
    part.lost,
    part.resetIdle,
    part.errorStatus,
    part.cut,
    part.duplicates,
    part.unnoted,
    part.minutes.toFixed(1),
  ]);
  sayTable(head, rows);
}

function sayTimes(outcomes: readonly Part[]): void {
  say();
  const head = [
    'case',
    'command to proof, median',
    'p99',
    'last answer to exit, median',
    'p99',
    'restart, median',
  ];
  const rows = outcomes.map(({ scenario, proofMs, exitMs, wholeMs }) => [
    scenario,
    percentile(proofMs, 0.5),
    percentile(proofMs, 0.99),
    percentile(exitMs, 0.5),
    percentile(exitMs, 0.99),
    percentile(wholeMs, 0.5),
  ]);
  sayTable(head, rows);
}

const idleMs = 20_000;

async function sayIdleCost(): Promise<void> {
  const service = await runService({ nodes: ['app', 'app', 'gunicorn'], mode: 'gate' });
  try {
    await pause(3000);
    const pid = service.up.pid ?? 0;
    const before = cpuTicks(pid);
    await pause(idleMs);
    const cpuMs = (cpuTicks(pid) - before) * 10;
    const rss = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    say(
      `\nIdle controller with 3 nodes, a check each second: ${Math.round(Number(rss) / 1024)} MiB resident, `,
    );
    say(`${((cpuMs * 100) / idleMs).toFixed(2)} % of one core over ${idleMs / 1000} s.`);
  } finally {
    await service.stop();
  }
}

function cpuTicks(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return Number(fields[11]) + Number(fields[12]);
}

/** What is missing of the row after earlier runs, measured and added to them. */
async function completeRow(scenario: Scenario): Promise<Part> {
  const before = readParts(values.parts, scenario.name);
  const restarts = wanted.restarts - before.wholeMs.length;
  const requests = wanted.requests - before.sent;
  if (restarts <= 0 && requests <= 0) return before;
  const part = await measureRestarts(scenario, { ...wanted, restarts, requests });
  keepPart(values.parts, part);
  return addParts(before, part);
}

const outcomes: Part[] = [];
for (const scenario of scenarios) {
  if (scenario.name.replace(', ', '-').includes(values.only)) outcomes.push(await completeRow(scenario));
}
if (outcomes.length > 0) {
  sayLosses(outcomes);
  sayTimes(outcomes);
}
if (values.only === '' || values.only === 'idle') await sayIdleCost();
if (outcomes.some(({ failures }) => failures.length > 0)) process.exitCode = 1;
