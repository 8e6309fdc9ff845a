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
  /** A path of the settings made absolute: in a file it is relative to the file's folder. */
  resolvePath(name: SettingName, path: string): string;
}

/** What the command line gives: the flags by setting name, and `--settings FILE`. */
export interface SettingArguments {
  readonly flags: Readonly<Record<string, unknown>>;
  readonly file?: string | undefined;
}

/** Reads settings file, environment and flags. Throws `usage` where only flags are wrong, else `config`. */
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
    resolvePath: (name, path) =>
      origins[name].kind === 'file' && file !== undefined
        ? resolve(dirname(file.path), path)
        : resolve(directory, path),
  };
}
