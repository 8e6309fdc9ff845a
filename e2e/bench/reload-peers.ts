import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { freePorts } from '../support/ports.ts';
import { projectRoot } from '../support/service-config.ts';

const run = promisify(execFile);
const apps = join(import.meta.dirname, 'apps');
const launcher = join(projectRoot, 'packages', 'cli', 'bin', 'lameduck.cjs');
const workers = 2;

/** A server with two workers that can replace them while it serves. */
export interface ReloadPeer {
  readonly name: string;
  readonly url: string;
  /** Resolves when all workers have been replaced. */
  reload(): Promise<void>;
  stop(): Promise<void>;
}

export type StartPeer = (folder: string) => Promise<ReloadPeer>;

function environment(folder: string, port: number): NodeJS.ProcessEnv {
  return { ...process.env, LEDGER_DIR: folder, NODE_NAME: 'peer', PORT: String(port) };
}

async function answers(url: string): Promise<void> {
  for (const deadline = performance.now() + 20_000; performance.now() < deadline; await pause(50)) {
    const response = await fetch(`${url}/healthz`).catch(() => undefined);
    await response?.arrayBuffer();
    if (response?.ok) return;
  }
  throw new Error(`nothing answers on ${url}`);
}

async function end(child: ChildProcess): Promise<void> {
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  await exited;
}

export const startLameduck: StartPeer = async (folder) => {
  const [port = 0] = await freePorts(1);
  const url = `http://127.0.0.1:${port}`;
  const control = join(folder, 'master.sock');
  const entry = join(projectRoot, 'examples', 'plain', 'app.ts');
  const args = [
    launcher,
    'run',
    entry,
    '-w',
    String(workers),
    '-b',
    `127.0.0.1:${port}`,
    '--control',
    control,
  ];
  const child = spawn(process.execPath, args, { env: environment(folder, port), stdio: 'ignore' });
  await answers(url);
  return {
    name: 'lameduck ctl reload',
    url,
    reload: async () => void (await run(process.execPath, [launcher, 'ctl', 'reload', '--control', control])),
    stop: () => end(child),
  };
};

export const startPm2: StartPeer = async (folder) => {
  const [port = 0] = await freePorts(1);
  const url = `http://127.0.0.1:${port}`;
  const env = { ...environment(folder, port), PM2_HOME: join(folder, 'pm2') };
  mkdirSync(env.PM2_HOME, { recursive: true });
  const program = join(import.meta.dirname, 'peers', 'node_modules', 'pm2', 'bin', 'pm2');
  const pm2 = async (...args: string[]): Promise<void> =>
    void (await run(process.execPath, [program, ...args], { env }));
  const options = [
    '-i',
    String(workers),
    '--wait-ready',
    '--listen-timeout',
    '10000',
    '--kill-timeout',
    '10000',
  ];
  await pm2('start', join(apps, 'pm2-app.mjs'), '--name', 'app', ...options);
  await answers(url);
  return {
    name: 'pm2 reload (cluster, wait-ready)',
    url,
    reload: () => pm2('reload', 'app'),
    stop: () => pm2('kill'),
  };
};

export const startGunicorn: StartPeer = async (folder) => {
  const [port = 0] = await freePorts(1);
  const url = `http://127.0.0.1:${port}`;
  const program = process.env['LAMEDUCK_GUNICORN'] ?? '/usr/bin/gunicorn';
  const args = [
    '--chdir',
    join(projectRoot, 'examples', 'shop', 'api'),
    '-k',
    'uvicorn.workers.UvicornWorker',
  ];
  args.push('-w', String(workers), '-b', `127.0.0.1:${port}`, '--keep-alive', '15', 'api:app');
  const child = spawn(program, args, { env: environment(folder, port), stdio: 'ignore' });
  await answers(url);
  return {
    name: 'Gunicorn HUP (Uvicorn, FastAPI)',
    url,
    async reload() {
      child.kill('SIGHUP');
      // Gunicorn does not say when it is done: two workers import FastAPI in this time, and the old ones leave
      await pause(2500);
    },
    stop: () => end(child),
  };
};
