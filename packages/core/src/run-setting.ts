import type { SettingType } from './setting-types.ts';

/** An environment variable of others that sets one of ours, and how its text becomes our text. */
export interface ForeignVariable {
  readonly name: string;
  readonly read?: (text: string) => string;
}

/** One setting. The key in the table is its name in the file; flag and variable are made from it. */
export interface Setting<Value> {
  readonly type: SettingType<Value>;
  readonly fallback: Value;
  readonly group: string;
  readonly text: string;
  /** A second, short flag such as `-w`. */
  readonly short?: string;
  /** No flag: a secret must not stand in the list of processes. */
  readonly isFlagless?: boolean;
  /** Looked at after our own variable. */
  readonly variables?: readonly ForeignVariable[];
}

/** One entry of the table. */
export function setting<Value>(
  group: string,
  type: SettingType<Value>,
  fallback: Value,
  description: string,
  more: Pick<Setting<Value>, 'short' | 'isFlagless' | 'variables'> = {},
): Setting<Value> {
  return { group, type, fallback, text: description, ...more };
}
