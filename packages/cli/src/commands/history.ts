import { existsSync } from 'node:fs';
import { isAnswering, readHistory } from '@lameduck/controller';
import { formatMs, type HistoryEntry, reportExitCode } from '@lameduck/core';
import type { Command } from 'commander';
import { readCount } from '../arguments.ts';
import { ControllerClient, type ControllerPlace } from '../client/controller-client.ts';
import { remotePlace } from '../client/remote.ts';
import { createScreen, type Screen } from '../output/screen.ts';
import { formatTable } from '../output/table.ts';
import { loadService, type ServiceOptions, withControllerOptions } from '../service.ts';

interface HistoryOptions extends ServiceOptions {
  readonly limit: number;
}

/** `lameduck history`: also while no controller runs. */
export function addHistory(program: Command): void {
  withControllerOptions(program.command('history'))
    .description('show the last operations with their results')
    .option('--limit <n>', 'how many', readCount, 20)
    .action(async (options: HistoryOptions) => {
      const screen = createScreen(options.json === true);
      const entries = await readEntries(options);
      if (screen.isJson) screen.json(entries);
      else screen.print(entries.length === 0 ? 'no operation yet' : formatHistory(entries, screen));
    });
}

async function askHistory(place: ControllerPlace, limit: number): Promise<readonly HistoryEntry[]> {
  const client = new ControllerClient(place);
  return client.history(limit).finally(() => client.close());
}

async function readEntries(options: HistoryOptions): Promise<readonly HistoryEntry[]> {
  const { limit } = options;
  const remote = remotePlace(options, process.env);
  if (remote !== undefined) return askHistory(remote, limit);
  const { paths } = await loadService(options);
  const { controlSocket: socketPath } = paths;
  if (await isAnswering(socketPath)) return askHistory({ socketPath }, limit);
  return existsSync(paths.store) ? readHistory(paths.store, limit) : [];
}

function formatHistory(entries: readonly HistoryEntry[], screen: Screen): string {
  const rows = entries.map(({ id, beganAt, operation, subject, report }) => [
    String(id),
    beganAt,
    operation,
    subject,
    formatResult(report, screen),
    report === undefined ? '' : formatMs(report.ms),
    report?.reason?.split('\n')[0] ?? '',
  ]);
  return formatTable([['ID', 'BEGAN', 'OPERATION', 'NODE', 'RESULT', 'TOOK', 'REASON'], ...rows]);
}

function formatResult(report: HistoryEntry['report'], screen: Screen): string {
  if (report === undefined) return screen.paint('yellow', 'unfinished');
  return screen.paint(reportExitCode(report) === 0 ? 'green' : 'red', report.result);
}
