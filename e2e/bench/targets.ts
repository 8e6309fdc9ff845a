import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { get } from 'node:http';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { freePorts } from '../support/ports.ts';
import { projectRoot } from '../support/service-config.ts';
import {
  gunicornProgram,
  peerEnvironment,
  pm2Program,
  temporaryFolder,
  wattFolder,
  wattProgram,
} from './peers.ts';
import { childrenOf, cpuMsOf, rssMibOf, treeOf } from './process-tree.ts';

const apps = join(import.meta.dirname, 'apps');
const node = process.execPath;
export const launcher: string = join(projectRoot, 'packages', 'cli', 'bin', 'lameduck.cjs');
/** PM2 keeps its daemon as our child and ends it with its application; without this it would detach. */
const pm2Words = ['--no-daemon', '--wait-ready', '--listen-timeout', '10000', '--silent'];

/** One way to serve the same small answer. */
export interface Target {
  readonly name: string;
  /** What has to be there. */
  readonly needs?: string;
  /** `folder` is its own and removed after it. */
  command(port: number, folder: string): readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly directory?: string;
  /** One process serves. */
  readonly isSingle?: boolean;
  /** Of the process that is started: workers are its children, or threads in it. */
  readonly workers: number;
}

export interface RunningTarget {
  readonly name: string;
  readonly port: number;
  readonly pid: number;
  readonly workers: number;
  /** From its start to its first answer. */
  readonly bootMs: number;
  /** CPU time of all its processes so far, in milliseconds. */
  cpuMs(): number;
  /** Resident memory in MiB: of one worker where workers are processes, and of all processes together. */
  memory(): { readonly worker: number; readonly all: number };
  stop(): Promise<void>;
}

export const bare: Target = {
  name: 'node:http',
  isSingle: true,
  workers: 0,
  command: () => [node, join(apps, 'bare.mjs')],
};

/** `options` of the command line; FOLDER in them is the target's own folder. */
export function lameduck(workers: number, options: readonly string[] = []): Target {
  const entry = join(apps, 'handler.mjs');
  return {
    name: ['lameduck run -w', workers, ...options].join(' ').replace(' FOLDER/', ' '),
    isSingle: workers === 1,
    workers,
    command: (port, folder) => {
      const words = [...options.map((word) => word.replace('FOLDER', folder)), '-w', String(workers)];
      return [node, launcher, 'run', entry, ...words, '-b', `127.0.0.1:${port}`];
    },
  };
}

export function cluster(workers: number): Target {
  return {
    name: `node:cluster, ${workers} workers`,
    workers,
    command: () => [node, join(apps, 'cluster.mjs')],
    environment: { WORKERS: String(workers) },
  };
}

export function pm2(workers: number): Target {
  const words = ['start', join(apps, 'pm2-bare.mjs'), '--name', 'app', '-i', String(workers)];
  return {
    name: `PM2 cluster mode, ${workers} workers`,
    needs: pm2Program,
    workers,
    command: () => [node, pm2Program, ...words, ...pm2Words],
  };
}

export function watt(workers: number): Target {
  return {
    name: `Platformatic Watt, ${workers} workers`,
    needs: wattProgram,
    workers,
    directory: wattFolder,
    command: () => [node, wattProgram, 'start'],
    environment: { WORKERS: String(workers) },
  };
}

export function gunicorn(workers: number): Target {
  const words = ['--chdir', apps, '-k', 'uvicorn.workers.UvicornWorker', '-w', String(workers)];
  return {
    name: `Gunicorn + Uvicorn + FastAPI, ${workers} workers`,
    needs: gunicornProgram,
    workers,
    command: (port) => [
      gunicornProgram,
      ...words,
      '-b',
      `127.0.0.1:${port}`,
      '--log-level',
      'warning',
      'bench_api:app',
    ],
  };
}

/** Why a target cannot be measured here; undefined where it can. */
export function missing({ name, needs }: Target): string | undefined {
  if (needs === undefined || existsSync(needs)) return undefined;
  return `${name}: missing, nothing at ${needs}`;
}

/** Starts a target on a free port; resolves when it has answered. */
export async function startTarget(target: Target): Promise<RunningTarget> {
  const [port = 0] = await freePorts(1);
  const folder = temporaryFolder();
  // One process has the core that the loader has not; several have all of them.
  const pinned = target.isSingle === true ? ['taskset', '-c', '0'] : [];
  const [program = '', ...words] = [...pinned, ...target.command(port, folder.path)];
  const own = peerEnvironment(join(folder.path, 'pm2'));
  const startedAt = performance.now();
  const child = spawn(program, words, {
    cwd: target.directory ?? process.cwd(),
    env: { ...process.env, ...own, PORT: String(port), ...target.environment },
    stdio: 'ignore',
  });
  await answering(port, child, target.name);
  const bootMs = performance.now() - startedAt;
  const pid = child.pid ?? 0;
  return {
    name: target.name,
    port,
    pid,
    workers: Math.max(1, target.workers),
    bootMs,
    cpuMs: () => treeOf(pid).reduce((sum, one) => sum + cpuMsOf(one), 0),
    memory: () => memoryOf(pid, target.workers),
    stop: () => end(child).finally(folder.remove),
  };
}

function memoryOf(pid: number, workers: number): { worker: number; all: number } {
  const all = treeOf(pid).reduce((sum, one) => sum + rssMibOf(one), 0);
  const children = childrenOf(pid).map(rssMibOf);
  // Threads share one process.
  const worker = children.length === 0 ? all / Math.max(1, workers) : Math.max(...children);
  return { worker, all };
}

export async function answering(port: number, child: ChildProcess, name: string): Promise<void> {
  for (const deadline = performance.now() + 30_000; performance.now() < deadline; await pause(5)) {
    if (child.exitCode !== null) throw new Error(`${name} ended with ${child.exitCode}`);
    if (await answers(port)) return;
  }
  await end(child);
  throw new Error(`${name} does not answer`);
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const options = { port, host: '127.0.0.1', path: '/', agent: false, timeout: 2000 };
    const request = get(options, (response) => {
      response.resume().on('close', () => resolve(response.statusCode === 200));
    });
    request.on('error', () => resolve(false));
    request.on('timeout', () => request.destroy());
  });
}

/** Ends it and waits; a tree that is still there after its grace is killed, by the ids it has. */
export async function end(child: ChildProcess, graceMs = 15_000): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  const tree = treeOf(child.pid ?? 0);
  child.kill('SIGTERM');
  const timer = setTimeout(() => {
    for (const pid of tree) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It has left.
      }
    }
  }, graceMs);
  await exited;
  clearTimeout(timer);
}
