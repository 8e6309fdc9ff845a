import { existsSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { LameduckError } from '@lameduck/core';
import { hookNames, type MasterHooks } from '@lameduck/master';
import { readSource } from '../config/load-config.ts';

const fileNames: readonly string[] = ['yaml', 'yml', 'json', 'ts', 'js', 'mjs'].map(
  (ending) => `lameduck.run.${ending}`,
);

/** A settings file, its settings and its hooks apart. */
export interface SettingsFile {
  readonly path: string;
  /** As messages name it. */
  readonly name: string;
  readonly value: unknown;
  readonly hooks: MasterHooks;
}

/** The named settings file, or the one `lameduck.run.*` of the folder, or none. Throws `config`. */
export async function loadSettingsFile(
  named: string | undefined,
  directory: string,
): Promise<SettingsFile | undefined> {
  const path = named === undefined ? findFile(directory) : resolve(directory, named);
  if (path === undefined) return undefined;
  if (!existsSync(path)) throw refuse(`Cannot read settings "${path}": an existing file is wanted`, path);
  const { value } = await readSource(path);
  const name = named ?? basename(path);
  if (typeof value !== 'object' || value === null || !('hooks' in value))
    return { path, name, value, hooks: {} };
  const { hooks, ...settings } = value;
  return { path, name, value: settings, hooks: readHooks(hooks, name) };
}

function findFile(directory: string): string | undefined {
  const found = fileNames.map((name) => join(directory, name)).filter((path) => existsSync(path));
  if (found.length <= 1) return found[0];
  const names = found.map((path) => basename(path)).join(', ');
  throw refuse(
    `Cannot choose settings in "${directory}": one file lameduck.run.* is wanted: current value is ${names}`,
    directory,
  );
}

function readHooks(hooks: unknown, name: string): MasterHooks {
  const entries = typeof hooks === 'object' && hooks !== null ? Object.entries(hooks) : undefined;
  if (entries === undefined)
    throw refuse(`Cannot use "hooks" in ${name}: a group of functions is wanted`, name);
  for (const [key, value] of entries) {
    if (!(hookNames as readonly string[]).includes(key))
      throw refuse(`Cannot use hook "${key}" in ${name}: one of ${hookNames.join(', ')} is wanted`, name);
    if (typeof value !== 'function')
      throw refuse(
        `Cannot use hook "${key}" in ${name}: a function is wanted, in a .ts, .js or .mjs file: current value is ${JSON.stringify(value)}`,
        name,
      );
  }
  return hooks as MasterHooks;
}

function refuse(message: string, path: string): LameduckError {
  return new LameduckError('config', message, { path });
}
