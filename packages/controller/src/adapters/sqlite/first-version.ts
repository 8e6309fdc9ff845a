import type { DatabaseSync } from 'node:sqlite';
import type { HistoryEntry } from '@lameduck/core';
import { type HistoryRecord, historyPut } from '../../store/history.ts';
import { operationPut } from '../../store/operation-log.ts';
import { wishPut } from '../../store/wishes.ts';

/** Tables of version 1 become entries; all of them are written at revision 1. */
export function migrateFirstVersion(database: DatabaseSync): void {
  const insert = database.prepare('INSERT INTO entries (key, value, revision) VALUES (?, ?, 1)');
  const put = ({ key, value }: { key: string; value: string }): void => void insert.run(key, value);
  for (const { id, ...record } of readFirstHistory(database, Number.MAX_SAFE_INTEGER))
    put(historyPut(id, record));
  for (const { node, wish } of readWishes(database)) {
    if (wish === 'drained' || wish === 'stopped') put(wishPut(node, wish));
    // its controller died after it had noted that it will send SIGTERM to a node which it wanted to start again
    else if (wish === 'leaving') put(interruptedRestart(database, node));
  }
  database.exec('UPDATE revision SET value = 1; DROP TABLE wishes; DROP TABLE operations;');
}

/** The history in a file of version 1, the newest first. */
export function readFirstHistory(database: DatabaseSync, limit: number): readonly HistoryEntry[] {
  const rows = database.prepare('SELECT * FROM operations ORDER BY id DESC LIMIT ?').all(limit);
  return rows.map((row) => ({
    id: Number(row['id']),
    operation: String(row['operation']) as HistoryEntry['operation'],
    subject: String(row['subject']),
    beganAt: String(row['beganAt']),
    ...(row['report'] === null
      ? {}
      : { report: JSON.parse(String(row['report'])) as HistoryRecord['report'] }),
  })) as readonly HistoryEntry[];
}

function readWishes(database: DatabaseSync): readonly { node: string; wish: string }[] {
  const rows = database.prepare('SELECT node, wish FROM wishes').all();
  return rows.map(({ node, wish }) => ({ node: String(node), wish: String(wish) }));
}

function interruptedRestart(database: DatabaseSync, node: string): { key: string; value: string } {
  const query = `SELECT id, beganAt FROM operations WHERE subject = ? AND operation = 'restart' AND report IS NULL
    ORDER BY id DESC LIMIT 1`;
  const row = database.prepare(query).get(node);
  const beganAt = row === undefined ? new Date(0).toISOString() : String(row['beganAt']);
  return operationPut({ id: Number(row?.['id'] ?? 0), kind: 'restart', node, beganAt, phase: 'wait' });
}
