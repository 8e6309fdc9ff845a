import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const cache = join(import.meta.dirname, '..', '..', '..', '..', '.cache');
const programs = { nginx: 'nginx', gunicorn: 'bin/gunicorn' } as const;

/** A program as it is upstream now, where the set-up could get it, and what to say where it is not there. */
export interface NewerTool {
  readonly path: string;
  readonly why: string;
}

/** Of a test that is skipped the reason must be seen: the set-up has noted why it did not get it. */
export function newerTool(tool: keyof typeof programs, folder: string = cache): NewerTool {
  const named = process.env[`LAMEDUCK_${tool.toUpperCase()}_NEWER`];
  const path = named ?? join(folder, `newer-${tool}`, programs[tool]);
  const note = noteOf(join(folder, `newer-${tool}.missing`));
  const why = note === undefined ? 'make setup brings one' : `the set-up could not get one: ${note}`;
  return { path, why: `no ${tool} at ${path}: ${why}` };
}

function noteOf(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8').split('\n')[0];
  } catch {
    return undefined;
  }
}
