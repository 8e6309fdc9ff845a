import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { projectRoot } from './service-config.ts';

const parts = ['bin', 'dist', 'package.json'];

/**
 * Another installation of lameduck in that folder, as a package manager would make it; as another version where one is
 * given. Gives its `lameduck`.
 */
export function copyPackage(folder: string, version?: string): string {
  const target = join(folder, 'node_modules');
  const installed = join(projectRoot, 'node_modules');
  const packages = join(projectRoot, 'packages');
  for (const name of readdirSync(packages)) {
    if (!existsSync(join(packages, name, 'dist'))) continue;
    const own = JSON.parse(readFileSync(join(packages, name, 'package.json'), 'utf8')) as { name: string };
    const to = join(target, own.name);
    for (const part of parts.filter((one) => existsSync(join(packages, name, one))))
      cpSync(join(packages, name, part), join(to, part), { recursive: true });
    if (version !== undefined) writeFileSync(join(to, 'package.json'), JSON.stringify({ ...own, version }));
  }
  // What others wrote is the same.
  for (const name of readdirSync(installed)) {
    if (existsSync(join(target, name))) continue;
    mkdirSync(dirname(join(target, name)), { recursive: true });
    symlinkSync(join(installed, name), join(target, name));
  }
  return join(target, 'lameduck', 'bin', 'lameduck.cjs');
}
