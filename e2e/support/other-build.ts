import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from './service-config.ts';

/** What a package needs to run. */
const parts = ['dist', 'bin', 'console', 'package.json'];

/**
 * Copies the built packages as another version, as an upgrade brings it; gives its `lameduck`. What they depend on
 * is found in the project, which the folder must be in.
 */
export function makeOtherBuild(folder: string, version: string): string {
  const scope = join(folder, 'node_modules', '@lameduck');
  mkdirSync(scope, { recursive: true });
  const packages = join(projectRoot, 'packages');
  for (const name of readdirSync(packages)) {
    const to = join(folder, 'packages', name);
    for (const part of parts.filter((one) => existsSync(join(packages, name, one))))
      cpSync(join(packages, name, part), join(to, part), { recursive: true });
    setVersion(join(to, 'package.json'), version);
    symlinkSync(to, join(scope, name));
  }
  return join(folder, 'packages', 'cli', 'bin', 'lameduck.cjs');
}

function setVersion(file: string, version: string): void {
  const manifest = JSON.parse(readFileSync(file, 'utf8')) as object;
  writeFileSync(file, JSON.stringify({ ...manifest, version }));
}
