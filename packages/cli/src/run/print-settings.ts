import { formatOrigin, type SettingName, settingList } from '@lameduck/core';
import type { Screen } from '../output/screen.ts';
import { formatTable } from '../output/table.ts';
import type { LoadedSettings } from './load-settings.ts';

interface Row {
  readonly name: SettingName;
  readonly value: string;
  readonly origin: string;
}

/** Every setting with its value and where it comes from: a table, or one JSON document. */
export function printSettings({ settings, origins }: LoadedSettings, screen: Screen): void {
  const rows: readonly Row[] = settingList.map(([name, { type }]) => ({
    name,
    value: type.show(settings[name]),
    origin: formatOrigin(origins[name]),
  }));
  if (screen.isJson) screen.json({ settings: rows });
  else
    screen.print(
      formatTable(rows.map(({ name, value, origin }) => [name, value === '' ? '-' : value, origin])),
    );
}
