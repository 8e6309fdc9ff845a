import type { Setting } from './run-setting.ts';
import { deadlineProblems, drainMs } from './run-settings-rules.ts';
import {
  flagOf,
  type RunSettings,
  runSettings,
  type SettingName,
  settingList,
  variableOf,
} from './run-settings-table.ts';

/** Where a value comes from; later ones win. */
export type Origin =
  | { readonly kind: 'default' }
  | { readonly kind: 'file'; readonly file: string }
  | { readonly kind: 'environment'; readonly variable: string }
  | { readonly kind: 'flag'; readonly flag: string };

export type Origins = Readonly<Record<SettingName, Origin>>;

/** Everything that may set something, as it was found. */
export interface SettingSources {
  /** The settings file, where there is one, and what it holds (without its hooks). */
  readonly file?: { readonly name: string; readonly value: unknown } | undefined;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** By setting name, only those that were given. */
  readonly flags: Readonly<Record<string, unknown>>;
}

/** One thing that is wrong: whole messages, naming variable, flag or key. */
export interface SettingProblem {
  readonly kind: Origin['kind'];
  readonly message: string;
}

export type ParsedSettings =
  | { readonly ok: true; readonly settings: RunSettings; readonly origins: Origins }
  | { readonly ok: false; readonly problems: readonly SettingProblem[] };

/** Reads all settings: defaults < file < environment < flags. Reports every problem at once; never half a result. */
export function parseRunSettings(sources: SettingSources): ParsedSettings {
  const problems: SettingProblem[] = [...unknownKeys(sources)];
  const settings: Record<string, unknown> = {};
  const origins: Record<string, Origin> = {};
  for (const [name, setting] of settingList) {
    const found = find(name, setting, sources);
    origins[name] = found.origin;
    if (found.origin.kind === 'default') {
      settings[name] = setting.fallback;
      continue;
    }
    const read = setting.type.schema.safeParse(found.input);
    if (read.success) settings[name] = read.data;
    else problems.push(unreadable(found.origin, name, setting, found.given ?? found.input));
  }
  if (problems.length > 0) return { ok: false, problems };
  const adjusted = lowerDefaults(settings as RunSettings, origins as Origins);
  const broken = deadlineProblems(adjusted, origins as Origins);
  if (broken.length > 0) return { ok: false, problems: broken.map((message) => ({ kind: 'file', message })) };
  return { ok: true, settings: adjusted, origins: origins as Origins };
}

interface Found {
  readonly origin: Origin;
  readonly input?: unknown;
  /** As it was written, where that is not what is read. */
  readonly given?: unknown;
}

function find(name: SettingName, setting: Setting<unknown>, sources: SettingSources): Found {
  const { file, environment, flags } = sources;
  if (flags[name] !== undefined)
    return { origin: { kind: 'flag', flag: flagText(name, setting) }, input: flags[name] };
  for (const { name: variable, read } of [
    { name: variableOf(name), read: undefined },
    ...(setting.variables ?? []),
  ]) {
    const given = environment[variable];
    // Set to nothing is how containers unset a variable.
    if (given === undefined || given === '') continue;
    return { origin: { kind: 'environment', variable }, input: read?.(given) ?? given, given };
  }
  const kept = file === undefined ? undefined : (file.value as Record<string, unknown> | null)?.[name];
  if (file !== undefined && kept !== undefined)
    return { origin: { kind: 'file', file: file.name }, input: kept };
  return { origin: { kind: 'default' } };
}

function flagText(name: SettingName, { isFlagless }: Setting<unknown>): string {
  return isFlagless === true ? name : flagOf(name);
}

function unreadable(origin: Origin, name: string, { type }: Setting<unknown>, got: unknown): SettingProblem {
  const shown = runSettings.metricsToken.type === type ? '(hidden)' : show(got);
  const message = `Cannot use ${describeOrigin(origin, name)}: ${type.wanted} is wanted: current value is ${shown}`;
  return { kind: origin.kind, message };
}

function describeOrigin(origin: Origin, name: string): string {
  switch (origin.kind) {
    case 'default':
      return `setting "${name}"`;
    case 'file':
      return `"${name}" in ${origin.file}`;
    case 'environment':
      return `environment variable "${origin.variable}"`;
    case 'flag':
      return `flag "${origin.flag}"`;
  }
}

function unknownKeys({ file }: SettingSources): readonly SettingProblem[] {
  if (file === undefined || file.value === null || file.value === undefined) return [];
  if (typeof file.value !== 'object' || Array.isArray(file.value))
    return [
      {
        kind: 'file',
        message: `Cannot use ${file.name}: a group of keys is wanted: current value is ${show(file.value)}`,
      },
    ];
  return Object.keys(file.value)
    .filter((key) => !Object.hasOwn(runSettings, key))
    .map((key) => ({
      kind: 'file',
      message: `Cannot use "${key}" in ${file.name}: it is not a known setting`,
    }));
}

/** A default must not make a deadline that the user has chosen inconsistent. */
function lowerDefaults(settings: RunSettings, origins: Origins): RunSettings {
  const lowered = (name: 'linger' | 'sessionTimeout'): number =>
    origins[name].kind === 'default' ? Math.min(settings[name], drainMs(settings)) : settings[name];
  return { ...settings, linger: lowered('linger'), sessionTimeout: lowered('sessionTimeout') };
}

function show(value: unknown): string {
  const text = typeof value === 'string' ? `"${value}"` : (JSON.stringify(value) ?? String(value));
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}

/** Where a value comes from, in words: `default`, `lameduck.run.yaml`, `$WEB_CONCURRENCY`, `--workers`. */
export function formatOrigin(origin: Origin): string {
  switch (origin.kind) {
    case 'default':
      return 'default';
    case 'file':
      return origin.file;
    case 'environment':
      return `$${origin.variable}`;
    case 'flag':
      return origin.flag;
  }
}
