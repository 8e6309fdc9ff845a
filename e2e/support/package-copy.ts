import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { projectRoot } from './service-config.ts';

const parts = ['bin', 'dist', 'package.json'];

/** Another installation of lameduck in that folder, as a package manager would make it. */
export function copyPackage(folder: string): void {
  const target = join(folder, 'node_modules');
  const installed = join(projectRoot, 'node_modules');
  const packages = join(projectRoot, 'packages');
  for (const name of readdirSync(packages)) {
    if (!existsSync(join(packages, name, 'dist'))) continue;
    const own = JSON.parse(readFileSync(join(packages, name, 'package.json'), 'utf8')) as { name: string };
    for (const part of parts.filter((one) => existsSync(join(packages, name, one))))
      cpSync(join(packages, name, part), join(target, own.name, part), { recursive: true });
  }
  // What others wrote is the same.
  for (const name of readdirSync(installed)) {
    if (existsSync(join(target, name))) continue;
    mkdirSync(dirname(join(target, name)), { recursive: true });
    symlinkSync(join(installed, name), join(target, name));
  }
}
