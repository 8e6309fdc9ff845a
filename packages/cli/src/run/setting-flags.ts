import { flagOf, runSettings, type Setting, type SettingName, settingList } from '@lameduck/core';
import { type Command, Option } from 'commander';
import { collect } from '../arguments.ts';

/** Every setting that has a flag becomes one; the values stay text, they are read with all other sources. */
export function addSettingFlags(command: Command): void {
  for (const [name, setting] of settingList) {
    if (setting.isFlagless === true) continue;
    const { placeholder, isList } = setting.type;
    const flags = [setting.short, flagOf(name)].filter((flag) => flag !== undefined).join(', ');
    const value = placeholder === undefined ? '' : ` <${placeholder}>`;
    const option = new Option(`${flags}${value}`, `${setting.text}${describeDefault(setting)}`);
    command.addOption(isList === true ? option.argParser(collect) : option);
    // Overrides a file or a variable that turns it on.
    if (placeholder === undefined) command.addOption(new Option(`--no-${flagOf(name).slice(2)}`).hideHelp());
  }
}

function describeDefault({ type, fallback }: Setting<unknown>): string {
  const text = type.show(fallback);
  return text === '' || fallback === false || fallback === 0 ? '' : ` (default: ${text})`;
}

/** What of commander's options are settings. */
export function pickFlags(options: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(options).filter(([name]) => isSetting(name)));
}

function isSetting(name: string): name is SettingName {
  return Object.hasOwn(runSettings, name);
}
