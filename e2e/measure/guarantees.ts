// Measures what docs/guarantees.md claims: restarts under mixed load, by mode and stack, with both ledgers.
//   node e2e/measure/guarantees.ts [--restarts 21] [--requests 20000] [--only gate-mixed|idle]
// Prints the tables as Markdown. Takes about a minute for each row.
import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import type { OperationReport } from '@lameduck/core';
import { type LedgerResult, runLoad } from '@lameduck/ledger';
import { reportOf } from '../support/reports.ts';
import { type RunningService, runService } from '../support/run-service.ts';
import { type NodeKind, nodeName } from '../support/service-config.ts';

interface Scenario {
  readonly name: string;
  readonly mode: 'gate' | 'reload';
  readonly nodes: readonly NodeKind[];
}

interface Outcome {
  readonly scenario: Scenario;
  readonly ledger: LedgerResult;
  readonly reports: readonly OperationReport[];
}

const stacks: readonly (readonly [string, readonly NodeKind[]])[] = [
  ['our nodes', ['app', 'app', 'app']],
  ['Gunicorn nodes', ['gunicorn', 'gunicorn', 'gunicorn']],
  ['mixed', ['app', 'app', 'gunicorn']],
];
const scenarios: readonly Scenario[] = (['gate', 'reload'] as const).flatMap((mode) =>
  stacks.map(([name, nodes]) => ({ name: `${mode}, ${name}`, mode, nodes })),
);

const { values } = parseArgs({
  options: {
    restarts: { type: 'string', default: '21' },
    requests: { type: 'string', default: '20000' },
    only: { type: 'string', default: '' },
  },
});
const leastRestarts = Number(values.restarts);
const leastRequests = Number(values.requests);

function note(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** Restarts node after node until there were enough restarts and enough requests. */
async function restartUnderLoad(service: RunningService, scenario: Scenario): Promise<Outcome> {
  const load = runLoad({ url: service.url, connections: 40 });
  const reports: OperationReport[] = [];
  try {
    for (let turn = 0; reports.length < leastRestarts || load.snapshot().sent < leastRequests; turn += 1) {
      const name = nodeName(turn % scenario.nodes.length);
      const report = reportOf(await service.lameduck('restart', name, '--json'));
      if (report.result !== 'exited') throw new Error(`restart of ${name}: ${JSON.stringify(report)}`);
      reports.push(report);
    }
  } finally {
    await load.stop();
  }
  return { scenario, reports, ledger: await service.audit(await load.done) };
}

async function runScenario(scenario: Scenario): Promise<Outcome> {
  note(`${scenario.name} …`);
  const service = await runService({ nodes: scenario.nodes, mode: scenario.mode });
  try {
    const outcome = await restartUnderLoad(service, scenario);
    note(`  sent ${outcome.ledger.sent}, lost ${outcome.ledger.lost}, ${outcome.reports.length} restarts`);
    return outcome;
  } finally {
    await service.stop();
  }
}

function percentile(numbers: readonly number[], share: number): string {
  const sorted = numbers.toSorted((one, other) => one - other);
  const value = sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN;
  return `${Math.round(value)} ms`;
}

/** Milliseconds of the named steps of one operation together. */
function timeOf(report: OperationReport, ...names: readonly string[]): number {
  return report.phases.filter(({ name }) => names.includes(name)).reduce((sum, { ms }) => sum + ms, 0);
}

function say(line = ''): void {
  process.stdout.write(`${line}\n`);
}

function sayLosses(outcomes: readonly Outcome[]): void {
  say(
    '| case | restarts | sent | lost | of these idle keep-alive resets | 5xx | truncated or wrong | executed twice |',
  );
  say('|---|---|---|---|---|---|---|---|');
  for (const { scenario, ledger, reports } of outcomes) {
    const { reasons } = ledger;
    const cut = reasons.truncated + reasons.wrongBody;
    const cells = [
      scenario.name,
      reports.length,
      ledger.sent.toLocaleString('en'),
      ledger.lost,
      reasons.resetIdle,
      reasons.errorStatus,
      cut,
      ledger.server?.duplicates.length,
    ];
    say(`| ${cells.join(' | ')} |`);
  }
}

function sayTimes(outcomes: readonly Outcome[]): void {
  say('\n| case | command to proof, median | p99 | last answer to exit, median | p99 | restart, median |');
  say('|---|---|---|---|---|---|');
  for (const { scenario, reports } of outcomes) {
    const proof = reports.map((report) => timeOf(report, 'check', 'remove'));
    const exit = reports.map((report) => timeOf(report, 'terminate', 'wait'));
    const whole = reports.map((report) => report.ms);
    const cells = [
      percentile(proof, 0.5),
      percentile(proof, 0.99),
      percentile(exit, 0.5),
      percentile(exit, 0.99),
      percentile(whole, 0.5),
    ];
    say(`| ${scenario.name} | ${cells.join(' | ')} |`);
  }
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

const outcomes: Outcome[] = [];
for (const scenario of scenarios) {
  if (scenario.name.replace(', ', '-').includes(values.only)) outcomes.push(await runScenario(scenario));
}
if (outcomes.length > 0) {
  sayLosses(outcomes);
  sayTimes(outcomes);
}
if (values.only === '' || values.only === 'idle') await sayIdleCost();
