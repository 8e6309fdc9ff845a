import { DatabaseSync } from 'node:sqlite';
import { LameduckError } from '@lameduck/core';
import { migrateFirstVersion } from './first-version.ts';
import { findLockHolder } from './lock-holder.ts';

/** Raised when the tables change; a newer file than this program is refused, an older one is brought up to date. */
const schemaVersion = 2;

/** `revision` has one row; it rises with each transaction that writes. */
const schema = `
  CREATE TABLE IF NOT EXISTS entries (
    key TEXT PRIMARY KEY, value TEXT NOT NULL, revision INTEGER NOT NULL, lease TEXT
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS revision (id INTEGER PRIMARY KEY CHECK (id = 1), value INTEGER NOT NULL) STRICT;
  INSERT OR IGNORE INTO revision VALUES (1, 0);
`;

/** What SQLite says, by its result code: https://sqlite.org/rescode.html */
const busy: readonly number[] = [5, 6];
const full = 13;
const damaged: readonly number[] = [11, 26];

/**
 * Opens the file, holds it alone and brings it up to date: the lock is the kernel's, so it goes with the process
 * however that ends. Errors: `alreadyRunning` where another controller holds it, `config` for a file from a newer
 * version, `storeFailed`, also where a program that is no controller holds it.
 */
export function openAlone(path: string): DatabaseSync {
  return attempt('open', path, () => {
    const database = new DatabaseSync(path);
    try {
      database.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA synchronous = FULL; BEGIN EXCLUSIVE;');
      migrate(database, refuseNewer(database, path));
      database.exec('COMMIT');
      return database;
    } catch (error) {
      database.close();
      throw error;
    }
  });
}

/** Opens the file of a service whose controller does not run; gives its version with it. */
export function openToRead(path: string): { readonly database: DatabaseSync; readonly version: number } {
  return attempt('read', path, () => {
    const database = new DatabaseSync(path, { readOnly: true });
    try {
      return { database, version: refuseNewer(database, path) };
    } catch (error) {
      database.close();
      throw error;
    }
  });
}

/** What SQLite throws becomes one message that says what is wrong with the file. */
export function attempt<T>(action: 'open' | 'read' | 'write', path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw explain(action, path, error);
  }
}

function explain(action: string, path: string, error: unknown): unknown {
  if (error instanceof LameduckError || !(error instanceof Error)) return error;
  const { errcode } = error as { errcode?: number };
  // the low byte is the primary code
  const code = (errcode ?? 0) & 0xff;
  if (busy.includes(code)) return locked(action, path, error);
  const wanted =
    code === full ? 'room on the disk' : damaged.includes(code) ? 'an intact store' : 'a usable store';
  const message = `Cannot ${action} "${path}": ${wanted} is wanted: current value is: ${error.message}`;
  return new LameduckError('storeFailed', message, { path, errcode }, error);
}

/** Another controller holds it for its whole life; a backup or a shell does so for a while. */
function locked(action: string, path: string, cause: Error): LameduckError {
  const holder = findLockHolder(path);
  const details = { path, ...holder };
  if (holder === undefined || holder.isController) {
    const who = holder === undefined ? ', or another program holds its store' : ` (pid ${holder.pid})`;
    const message = `Cannot ${action} "${path}": another controller runs this service${who}`;
    return new LameduckError('alreadyRunning', message, details, cause);
  }
  const message = `Cannot ${action} "${path}": a store that nobody else holds is wanted: current value is locked by "${holder.command}" (pid ${holder.pid})`;
  return new LameduckError('storeFailed', message, details, cause);
}

/** A file that is up to date is not written: on a full disk too, what runs can be adopted. */
function migrate(database: DatabaseSync, version: number): void {
  if (version !== schemaVersion) database.exec(schema);
  if (version === 1) migrateFirstVersion(database);
  if (version !== schemaVersion) database.exec(`PRAGMA user_version = ${schemaVersion}`);
  // whoever held a lease has ended: nobody else can hold this file
  database.exec('DELETE FROM entries WHERE lease IS NOT NULL');
}

function refuseNewer(database: DatabaseSync, path: string): number {
  const version = Number(database.prepare('PRAGMA user_version').get()?.user_version ?? 0);
  if (version <= schemaVersion) return version;
  throw new LameduckError(
    'config',
    `Cannot open "${path}": version ${schemaVersion} or older is wanted: current value is ${version}`,
    { path, version },
  );
}
