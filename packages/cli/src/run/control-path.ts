import { dirname, resolve } from 'node:path';
import { LameduckError, variableOf } from '@lameduck/core';
import { loadSettingsFile } from './settings-file.ts';

/** What may name the control socket of the master that is meant. */
export interface ControlSources {
  /** `--control`. */
  readonly flag?: string | undefined;
  /** `--settings`. */
  readonly file?: string | undefined;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly directory: string;
}

/** As `lameduck run` finds it: flag, environment, settings file. Throws `usage` where nothing names one, `config`. */
export async function findControlPath({
  flag,
  file,
  environment,
  directory,
}: ControlSources): Promise<string> {
  const variable = variableOf('control');
  if (flag === '')
    throw new LameduckError('usage', 'Cannot use --control: a path is wanted: current value is empty');
  const named = flag ?? (environment[variable] || undefined);
  if (named !== undefined) return named;
  const settings = await loadSettingsFile(file, directory);
  const control = (settings?.value as { readonly control?: unknown } | null | undefined)?.control;
  if (settings !== undefined && typeof control === 'string') return resolve(dirname(settings.path), control);
  throw new LameduckError(
    'usage',
    `Cannot tell which master is meant: --control PATH, ${variable}, or control in lameduck.run.* here was wanted: current value is none of them`,
  );
}
