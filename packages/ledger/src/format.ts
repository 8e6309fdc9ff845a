import { styleText } from 'node:util';
import { kinds } from './kinds.ts';
import type { Counts, Latency, LedgerResult, Loss, Phase, ServerSide } from './result.ts';

/** How to print. */
export interface FormatOptions {
  /** Where the text goes: colours only if that is a terminal and NO_COLOR is not set. Default: no colours. */
  readonly stream?: NodeJS.WritableStream;
  /** The most losses that are listed one by one. Default 10. */
  readonly maxLosses?: number;
}

type Style = 'bold' | 'dim' | 'green' | 'red' | 'yellow';
type Paint = (style: Style, text: string) => string;

const numbers = new Intl.NumberFormat('en-US');

function milliseconds(ms: number): string {
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  return `${(ms / 1000).toFixed(1)} s`;
}

function latencyCells({ p50, p90, p99, max }: Latency): readonly string[] {
  return [p50, p90, p99, max].map(milliseconds);
}

/** Lines of equal columns: the first to the left, the others to the right. */
function table(rows: readonly (readonly string[])[]): readonly string[] {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => (row[column] ?? '').length)),
  );
  return rows.map((row) =>
    row
      .map((cell, column) =>
        column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join('   '),
  );
}

/** Colours whole lines after they are aligned: escape codes would count as width. */
function paintRows(lines: readonly string[], paint: Paint, isLossy: (row: number) => boolean): string[] {
  return lines.map((line, row) => {
    if (row === 0) return paint('dim', line);
    return isLossy(row - 1) ? paint('red', line) : line;
  });
}

function kindTable(result: LedgerResult, paint: Paint): string[] {
  const rows = kinds.flatMap((kind): readonly (readonly [string, Counts])[] => {
    const counts = result.kinds[kind];
    return counts === undefined ? [] : [[kind, counts]];
  });
  const all: readonly (readonly [string, Counts])[] = [...rows, ['all', result]];
  const lines = table([
    ['kind', 'sent', 'answered', 'lost', 'p50', 'p90', 'p99', 'max'],
    ...all.map(([name, { sent, answered, lost, latency }]) => [
      name,
      ...[sent, answered, lost].map((count) => numbers.format(count)),
      ...latencyCells(latency),
    ]),
  ]);
  return paintRows(lines, paint, (row) => (all[row]?.[1].lost ?? 0) > 0);
}

function phaseTable(phases: readonly Phase[], paint: Paint): string[] {
  if (phases.length < 2) return [];
  const lines = table([
    ['phase', 'time', 'answered', 'lost', 'p50', 'p90', 'p99', 'max'],
    ...phases.map(({ name, durationMs, answered, lost, latency }) => [
      name,
      milliseconds(durationMs),
      ...[answered, lost].map((count) => numbers.format(count)),
      ...latencyCells(latency),
    ]),
  ]);
  return ['', ...paintRows(lines, paint, (row) => (phases[row]?.lost ?? 0) > 0)];
}

function describeLoss({ id, kind, method, reason, status, code, atMs, phase }: Loss): string {
  const why = [reason, status, code].filter((part) => part !== undefined).join(' ');
  return `  ${method} ${kind} ${id}: ${why} at ${milliseconds(atMs)} (${phase})`;
}

function lossLines(result: LedgerResult, paint: Paint, maxLosses: number): string[] {
  const { lost, reasons, errorStatuses, losses } = result;
  if (lost === 0) return [];
  const statuses = Object.entries(errorStatuses).map(([status, count]) => `${status} × ${count}`);
  const counts = Object.entries(reasons)
    .filter(([, count]) => count > 0)
    .map(([reason, count]) =>
      reason === 'errorStatus' ? `${reason} ${count} (${statuses.join(', ')})` : `${reason} ${count}`,
    );
  const more = losses.length - maxLosses;
  return [
    '',
    paint('red', `lost by reason: ${counts.join(', ')}`),
    ...losses.slice(0, maxLosses).map(describeLoss),
    ...(more > 0 ? [`  and ${numbers.format(more)} more`] : []),
  ];
}

function serverLines(server: ServerSide | undefined, paint: Paint): string[] {
  if (server === undefined) return [];
  const nodes = Object.entries(server.nodes)
    .toSorted(([a], [b]) => a.localeCompare(b))
    .map(([node, count]) => `${node} ${numbers.format(count)}`);
  const { duplicates, executedButLost, unseen, answeredUnseen } = server;
  const line = `server ledger: executed twice ${duplicates.length}, executed but lost ${executedButLost.length}, lost unseen ${unseen.length}`;
  return [
    '',
    paint('dim', `by node: ${nodes.join(', ')}`),
    duplicates.length + executedButLost.length > 0 ? paint('red', line) : line,
    ...(answeredUnseen > 0
      ? [paint('yellow', `server ledger is incomplete: ${answeredUnseen} answered requests are not in it`)]
      : []),
  ];
}

function verdict(result: LedgerResult, paint: Paint): string {
  const { sent, answered, lost, closedUnused, inFlight } = result;
  if (sent === 0) return paint('yellow', 'nothing was sent');
  const unused = closedUnused > 0 ? `, ${numbers.format(closedUnused)} connections closed unused` : '';
  const open = inFlight > 0 ? `, ${numbers.format(inFlight)} in flight` : '';
  const line = `sent ${numbers.format(sent)}, answered ${numbers.format(answered)}, lost ${numbers.format(lost)}${open}${unused}`;
  return paint(lost > 0 ? 'red' : 'green', line);
}

/** The ledger as a small table for people. The result itself is the JSON form. */
export function formatLedger(result: LedgerResult, options: FormatOptions = {}): string {
  const { stream, maxLosses = 10 } = options;
  const paint: Paint = (style, text) => (stream === undefined ? text : styleText(style, text, { stream }));
  const { url, connections, durationMs, requestsPerSecond, runId } = result;
  const head = `${url}  ${connections} connections, ${milliseconds(durationMs)}, ${numbers.format(Math.round(requestsPerSecond))} requests/s, run ${runId}`;
  return [
    paint('bold', head),
    '',
    ...kindTable(result, paint),
    ...phaseTable(result.phases, paint),
    ...lossLines(result, paint, maxLosses),
    ...serverLines(result.server, paint),
    '',
    verdict(result, paint),
    '',
  ].join('\n');
}
