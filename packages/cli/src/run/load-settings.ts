import { realpathSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import {
  LameduckError,
  type Origins,
  parseRunSettings,
  type RunSettings,
  type SettingName,
} from '@lameduck/core';
import type { MasterHooks } from '@lameduck/master';
import { loadSettingsFile } from './settings-file.ts';

/** The settings of one `lameduck run`, where each comes from, and the hooks of the settings file. */
export interface LoadedSettings {
  readonly settings: RunSettings;
  readonly origins: Origins;
  readonly hooks: MasterHooks;
  /**
   * A path of the settings made absolute: in a file it is relative to the file's folder. What workers load keeps the
   * symbolic links of that folder, so that a reload follows them; what the master opens stays where it is now.
   */
  resolvePath(name: SettingName, path: string): string;
}

/** What the command line gives: the flags by setting name, and `--settings FILE`. */
export interface SettingArguments {
  readonly flags: Readonly<Record<string, unknown>>;
  readonly file?: string | undefined;
}

/** Opened by the master, or by all workers as one file, for its whole life. */
const keptPaths: ReadonlySet<SettingName> = new Set([
  'accessLog',
  'control',
  'controller',
  'logFile',
  'pidfile',
]);

/**
 * Reads settings file, environment and flags; `directory` by the name it was entered by. Throws `usage` where only flags
 * are wrong, else `config`.
 */
export async function loadSettings(
  { flags, file: named }: SettingArguments,
  environment: Readonly<Record<string, string | undefined>>,
  directory: string,
): Promise<LoadedSettings> {
  const file = await loadSettingsFile(named, directory);
  const parsed = parseRunSettings({ file, environment, flags });
  if (!parsed.ok) {
    const code = parsed.problems.every(({ kind }) => kind === 'flag') ? 'usage' : 'config';
    const messages = parsed.problems.map(({ message }) => message);
    throw new LameduckError(code, messages.join('\n'), { problems: messages });
  }
  const { settings, origins } = parsed;
  return {
    settings,
    origins,
    hooks: file?.hooks ?? {},
    resolvePath: (name, path) => {
      const isOfFile = origins[name].kind === 'file' && file !== undefined;
      const base = isOfFile ? dirname(file.path) : directory;
      return resolve(keptPaths.has(name) ? realpathSync(base) : base, path);
    },
  };
}
