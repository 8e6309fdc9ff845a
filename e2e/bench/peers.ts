import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { say } from './figures.ts';

const folder = join(import.meta.dirname, 'peers');
const modules = join(folder, 'node_modules');

/** The scripts of the peers, and where Watt finds its application. */
export const pm2Program: string = join(modules, 'pm2', 'bin', 'pm2');
export const wattProgram: string = join(modules, 'wattpm', 'bin', 'cli.js');
export const wattFolder: string = join(folder, 'watt');
export const gunicornProgram: string = process.env['LAMEDUCK_GUNICORN'] ?? '/usr/bin/gunicorn';

/** Installs PM2 and Watt by their own lock file, once. Where that fails they are missing, and said to be. */
export function installPeers(): void {
  if (existsSync(pm2Program) && existsSync(wattProgram)) return;
  try {
    const stdio: ['ignore', 'ignore', 'inherit'] = ['ignore', 'ignore', 'inherit'];
    execFileSync('npm', ['ci', '--ignore-scripts'], { cwd: folder, stdio, timeout: 300_000 });
  } catch (error) {
    say(`npm ci in ${folder} failed: ${(error as Error).message}`);
  }
}

/** What asks nobody for versions and tells nobody anything; PM2 has a home of its own for each run. */
export function peerEnvironment(home: string): Record<string, string> {
  return {
    PM2_HOME: home,
    PM2_DISABLE_VERSION_CHECK: 'true',
    PM2_DISCRETE_MODE: 'true',
    NODE_ENV: 'production',
  };
}

/** A folder for one run; `remove` deletes it. */
export function temporaryFolder(): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), 'lameduck-bench-'));
  mkdirSync(join(path, 'pm2'));
  return { path, remove: () => rmSync(path, { recursive: true, force: true, maxRetries: 3 }) };
}
