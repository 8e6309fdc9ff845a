import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import type { OperationReport } from '@lameduck/core';
import { defaultMix, type LedgerResult, runLoad } from '@lameduck/ledger';
import { reportOf } from '../support/reports.ts';
import { type RunningService, runService } from '../support/run-service.ts';
import { type NodeKind, nodeName } from '../support/service-config.ts';

/** What is measured: a way to take nodes out, and what the nodes are. */
export interface Scenario {
  readonly name: string;
  readonly mode: 'gate' | 'reload';
  readonly nodes: readonly NodeKind[];
}

/** How much is asked for, and the load beside it. */
export interface Wanted {
  readonly restarts: number;
  readonly requests: number;
  /** A part ends then, whatever it has: what is missing is another part's. */
  readonly minutes: number;
  /** Kept-alive connections with short GETs beside the usual mix of forty connections. */
  readonly extraGets: number;
  /** nginx binary; empty: the one on PATH. */
  readonly nginx: string;
}

/** What was counted in one stretch of load and restarts, or in several together. */
export interface Part {
  readonly scenario: string;
  readonly sent: number;
  readonly lost: number;
  readonly resetIdle: number;
  readonly errorStatus: number;
  readonly cut: number;
  readonly duplicates: number;
  /** Answered requests that no handler noted: over 0, duplicates could be missing. */
  readonly unnoted: number;
  readonly minutes: number;
  /** Milliseconds of each restart: until the proof, from the last answer to the exit, all of it. */
  readonly proofMs: readonly number[];
  readonly exitMs: readonly number[];
  readonly wholeMs: readonly number[];
  /** Why a part ended early. */
  readonly failures: readonly string[];
}

const progressEvery = 10;

/** An empty part, to begin a sum with. */
export function emptyPart(scenario: string): Part {
  const counts = { sent: 0, lost: 0, resetIdle: 0, errorStatus: 0, cut: 0, duplicates: 0, unnoted: 0 };
  return { scenario, ...counts, minutes: 0, proofMs: [], exitMs: [], wholeMs: [], failures: [] };
}

/** Two parts as one. */
export function addParts(one: Part, other: Part): Part {
  return {
    scenario: one.scenario,
    sent: one.sent + other.sent,
    lost: one.lost + other.lost,
    resetIdle: one.resetIdle + other.resetIdle,
    errorStatus: one.errorStatus + other.errorStatus,
    cut: one.cut + other.cut,
    duplicates: one.duplicates + other.duplicates,
    unnoted: one.unnoted + other.unnoted,
    minutes: one.minutes + other.minutes,
    proofMs: [...one.proofMs, ...other.proofMs],
    exitMs: [...one.exitMs, ...other.exitMs],
    wholeMs: [...one.wholeMs, ...other.wholeMs],
    failures: [...one.failures, ...other.failures],
  };
}

/** The parts of a scenario that earlier runs have left in the file, as one. */
export function readParts(file: string, scenario: string): Part {
  if (file === '' || !existsSync(file)) return emptyPart(scenario);
  const lines = readFileSync(file, 'utf8').trim().split('\n');
  const parts = lines.map((line) => JSON.parse(line) as Part);
  return parts.filter((part) => part.scenario === scenario).reduce(addParts, emptyPart(scenario));
}

/** Keeps a part for later runs; without a file it does nothing. */
export function keepPart(file: string, part: Part): void {
  if (file !== '') appendFileSync(file, `${JSON.stringify(part)}\n`);
}

/** Milliseconds of the named steps of one operation together. */
function timeOf(report: OperationReport, ...names: readonly string[]): number {
  return report.phases.filter(({ name }) => names.includes(name)).reduce((sum, { ms }) => sum + ms, 0);
}

function partOf(
  scenario: Scenario,
  ledger: LedgerResult,
  reports: readonly OperationReport[],
  failures: readonly string[],
): Part {
  const { reasons, server } = ledger;
  return {
    scenario: scenario.name,
    sent: ledger.sent,
    lost: ledger.lost,
    resetIdle: reasons.resetIdle,
    errorStatus: reasons.errorStatus,
    cut: reasons.truncated + reasons.wrongBody,
    duplicates: server?.duplicates.length ?? 0,
    unnoted: server?.answeredUnseen ?? 0,
    minutes: ledger.durationMs / 60_000,
    proofMs: reports.map((report) => timeOf(report, 'check', 'remove')),
    exitMs: reports.map((report) => timeOf(report, 'terminate', 'wait')),
    wholeMs: reports.map(({ ms }) => ms),
    failures,
  };
}

function note(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** Restarts node after node until there were enough restarts and enough requests, or the time is over. */
async function restartUnderLoad(service: RunningService, scenario: Scenario, wanted: Wanted): Promise<Part> {
  const connections = { ...defaultMix, get: defaultMix.get + wanted.extraGets };
  const load = runLoad({ url: service.url, connections });
  const endsAt = performance.now() + wanted.minutes * 60_000;
  const reports: OperationReport[] = [];
  const failures: string[] = [];
  const isEnough = (): boolean =>
    reports.length >= wanted.restarts && load.snapshot().sent >= wanted.requests;
  while (failures.length === 0 && performance.now() < endsAt && !isEnough()) {
    const name = nodeName(reports.length % scenario.nodes.length);
    try {
      const report = reportOf(await service.lameduck('restart', name, '--json'));
      if (report.result === 'exited') reports.push(report);
      else failures.push(`restart of ${name}: ${JSON.stringify(report)}`);
    } catch (error) {
      failures.push(`restart of ${name}: ${String(error)}`);
    }
    if (reports.length % progressEvery === 0) {
      const { sent, lost, durationMs } = load.snapshot();
      note(`  ${reports.length} restarts, sent ${sent}, lost ${lost}, ${Math.round(durationMs / 1000)} s`);
    }
  }
  for (const failure of failures) note(`  ${failure}`);
  return partOf(scenario, await service.audit(await load.stop()), reports, failures);
}

/** Runs a service of its own for one part. A restart that fails ends the part, and is told in it. */
export async function measureRestarts(scenario: Scenario, wanted: Wanted): Promise<Part> {
  note(`${scenario.name}: ${wanted.restarts} restarts, ${wanted.requests} requests …`);
  const edge = wanted.nginx === '' ? {} : { nginx: wanted.nginx };
  const service = await runService({ nodes: scenario.nodes, mode: scenario.mode, edge });
  try {
    return await restartUnderLoad(service, scenario, wanted);
  } finally {
    await service.stop();
  }
}
