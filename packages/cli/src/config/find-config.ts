import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { LameduckError } from '@lameduck/core';

const fileNames = [
  'lameduck.yaml',
  'lameduck.yml',
  'lameduck.json',
  'lameduck.ts',
  'lameduck.js',
  'lameduck.mjs',
];

/** The config file: the named one, or the first of the usual names here or in a folder above. Throws `config`. */
export function findConfig(named: string | undefined, directory: string): string {
  if (named !== undefined) {
    const path = resolve(directory, named);
    if (existsSync(path)) return path;
    throw new LameduckError('config', `Cannot read config "${path}": an existing file is wanted`, { path });
  }
  for (let folder = directory; ; folder = dirname(folder)) {
    const found = fileNames.map((name) => join(folder, name)).find((path) => existsSync(path));
    if (found !== undefined) return found;
    if (folder === dirname(folder)) break;
  }
  throw new LameduckError(
    'config',
    `Cannot find a config: ${fileNames[0]} in "${directory}" or above is wanted, or --config FILE`,
    { directory },
  );
}
