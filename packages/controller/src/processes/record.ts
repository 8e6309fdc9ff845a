import { readFileSync } from 'node:fs';
import { rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { makeFolder } from '../make-folder.ts';
import type { ProcessIdentity } from '../ports/node-runner.ts';
import { readBootId } from './identity.ts';

/** What outlives the controller about a node that it started: `process.json`. */
export interface ProcessRecord extends ProcessIdentity {
  readonly bootId: string;
  readonly command: readonly string[];
  /** The process that we started, where the node's main process is another one (a daemon with a pid file). */
  readonly launcher?: ProcessIdentity;
  /** Size of the log before the start, in bytes. */
  readonly logOffset?: number;
  /** Of the server that we started, where it told. */
  readonly version?: string;
}

/** Written to a temporary name, synced, renamed: a reader sees the old record or the new one. */
export async function writeRecord(file: string, record: ProcessRecord): Promise<void> {
  makeFolder(dirname(file));
  const temporary = `${file}.${process.pid}.tmp`;
  const text = `${JSON.stringify(record)}\n`;
  await writeFile(temporary, text, { mode: 0o600, flush: true });
  await rename(temporary, file);
}

/** The record of this boot; `undefined` where there is none, it is of another boot or it is damaged. */
export function readRecord(file: string): ProcessRecord | undefined {
  try {
    const parsed: unknown = JSON.parse(readFileSync(file, 'utf8'));
    return isRecord(parsed) && parsed.bootId === readBootId() ? parsed : undefined;
  } catch {
    return undefined;
  }
}

function isRecord(value: unknown): value is ProcessRecord {
  if (!isIdentity(value)) return false;
  const { bootId, command, launcher } = value as Partial<ProcessRecord>;
  return (
    typeof bootId === 'string' && Array.isArray(command) && (launcher === undefined || isIdentity(launcher))
  );
}

function isIdentity(value: unknown): value is ProcessIdentity {
  if (typeof value !== 'object' || value === null) return false;
  const { pid, startTime } = value as Partial<ProcessIdentity>;
  return Number.isSafeInteger(pid) && Number.isSafeInteger(startTime);
}
