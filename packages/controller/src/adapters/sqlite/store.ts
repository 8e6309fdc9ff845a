import { DatabaseSync, type SQLOutputValue } from 'node:sqlite';
import { type HistoryEntry, LameduckError } from '@lameduck/core';
import type { Store, Wish } from '../../ports/store.ts';

/** Raised when the tables change; a newer file than this program is refused, an older one is brought up to date. */
const schemaVersion = 1;

const schema = `
  CREATE TABLE IF NOT EXISTS wishes (node TEXT PRIMARY KEY, wish TEXT NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS operations (
    id INTEGER PRIMARY KEY, operation TEXT NOT NULL, subject TEXT NOT NULL, beganAt TEXT NOT NULL, report TEXT
  ) STRICT;
  PRAGMA user_version = ${schemaVersion};
`;

/**
 * Opens the store and holds it alone: the lock is the kernel's, so it goes with the process however that ends.
 * Errors: `alreadyRunning` where another controller holds it, `config` for a file from a newer version.
 */
export function openSqliteStore(path: string): Store {
  const database = openAlone(path);
  const statements = {
    wishes: database.prepare('SELECT node, wish FROM wishes'),
    setWish: database.prepare(
      'INSERT INTO wishes VALUES (?, ?) ON CONFLICT (node) DO UPDATE SET wish = excluded.wish',
    ),
    begin: database.prepare('INSERT INTO operations (operation, subject, beganAt) VALUES (?, ?, ?)'),
    end: database.prepare('UPDATE operations SET report = ? WHERE id = ?'),
  };
  return {
    wishes: async () =>
      new Map(statements.wishes.all().map((row) => [String(row.node), String(row.wish) as Wish])),
    setWish: async (node, wish) => void statements.setWish.run(node, wish),
    begin: async (operation, subject, beganAt) =>
      Number(statements.begin.run(operation, subject, beganAt).lastInsertRowid),
    end: async (id, report) => void statements.end.run(JSON.stringify(report), id),
    history: async (limit) => selectHistory(database, limit),
    close: async () => database.close(),
  };
}

/** The history of a service whose controller does not run. */
export function readHistory(path: string, limit: number): readonly HistoryEntry[] {
  const database = new DatabaseSync(path, { readOnly: true });
  try {
    return selectHistory(database, limit);
  } finally {
    database.close();
  }
}

function openAlone(path: string): DatabaseSync {
  const database = new DatabaseSync(path);
  try {
    database.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA synchronous = FULL; BEGIN EXCLUSIVE; COMMIT;');
    refuseNewer(database, path);
    database.exec(schema);
    return database;
  } catch (error) {
    database.close();
    throw isLocked(error)
      ? new LameduckError('alreadyRunning', `Cannot open "${path}": another controller runs this service`, {
          path,
        })
      : error;
  }
}

function isLocked(error: unknown): boolean {
  return error instanceof Error && /locked|busy/.test(error.message);
}

function refuseNewer(database: DatabaseSync, path: string): void {
  const version = Number(database.prepare('PRAGMA user_version').get()?.user_version ?? 0);
  if (version <= schemaVersion) return;
  throw new LameduckError(
    'config',
    `Cannot open "${path}": version ${schemaVersion} or older is wanted: current value is ${version}`,
    { path, version },
  );
}

function selectHistory(database: DatabaseSync, limit: number): readonly HistoryEntry[] {
  const rows = database.prepare('SELECT * FROM operations ORDER BY id DESC LIMIT ?').all(limit);
  return rows.map(toEntry);
}

function toEntry(row: Record<string, SQLOutputValue>): HistoryEntry {
  return {
    id: Number(row.id),
    operation: String(row.operation) as HistoryEntry['operation'],
    subject: String(row.subject),
    beganAt: String(row.beganAt),
    ...(row.report === null ? {} : { report: JSON.parse(String(row.report)) }),
  };
}
