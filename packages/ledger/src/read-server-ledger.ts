import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { LedgerResult, ServerSide } from './result.ts';

/** What one id has in the ledgers of all server processes. */
export interface ServerEntry {
  /** Each start of a handler: the node it ran on. */
  readonly startedOn: readonly string[];
  readonly finished: number;
}

/** The ledgers of all server processes, by id. */
export type ServerLedgers = ReadonlyMap<string, ServerEntry>;

type OpenEntry = { startedOn: string[]; finished: number };

function enter(entries: Map<string, OpenEntry>, node: string, line: string): void {
  const mark = line.slice(0, 2);
  if (mark !== 'S ' && mark !== 'F ') return;
  const id = line.slice(2);
  const entry = entries.get(id) ?? { startedOn: [], finished: 0 };
  if (mark === 'S ') entry.startedOn.push(node);
  else entry.finished += 1;
  entries.set(id, entry);
}

/** Reads every `<node>-<pid>.log` in the directory. A last line without its end is left out. */
export async function readServerLedger(dir: string): Promise<ServerLedgers> {
  const entries = new Map<string, OpenEntry>();
  for (const name of await readdir(dir)) {
    const node = /^(.+)-\d+\.log$/.exec(name)?.[1];
    if (node === undefined) continue;
    const lines = (await readFile(join(dir, name), 'utf8')).split('\n');
    for (const line of lines.slice(0, -1)) enter(entries, node, line);
  }
  return entries;
}

function countNodes(entries: readonly ServerEntry[]): Record<string, number> {
  const nodes: Record<string, number> = {};
  for (const node of entries.flatMap((entry) => entry.startedOn)) nodes[node] = (nodes[node] ?? 0) + 1;
  return nodes;
}

/** Joins the client's ledger with the servers': which requests ran twice, or ran and were lost. Ids of other runs are left out. */
export function joinLedgers(result: LedgerResult, ledgers: ServerLedgers): LedgerResult {
  const own = [...ledgers].filter(([id]) => id.startsWith(`${result.runId}-`));
  const lost = result.losses.map(({ id }) => id);
  const lostIds = new Set(lost);
  const hasStarted = (id: string): boolean => (ledgers.get(id)?.startedOn.length ?? 0) > 0;
  const seenAndKept = own.filter(([id, entry]) => entry.startedOn.length > 0 && !lostIds.has(id)).length;
  const server: ServerSide = {
    nodes: countNodes(own.map(([, entry]) => entry)),
    duplicates: own.filter(([, entry]) => entry.startedOn.length > 1).map(([id]) => id),
    executedButLost: lost.filter(hasStarted),
    unseen: lost.filter((id) => !hasStarted(id)),
    answeredUnseen: Math.max(0, result.answered - seenAndKept),
    unfinished: own.filter(([, entry]) => entry.finished < entry.startedOn.length).length,
  };
  return { ...result, server };
}
