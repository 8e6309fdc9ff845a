import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { freePorts } from '../support/ports.ts';
import { projectRoot } from '../support/service-config.ts';

const apps = join(import.meta.dirname, 'apps');
const launcher = join(projectRoot, 'packages', 'cli', 'bin', 'lameduck.cjs');

/** One way to serve the same answer. */
export interface Target {
  readonly name: string;
  command(port: number): readonly string[];
  readonly environment?: (port: number) => Record<string, string>;
  /** One process serves. */
  readonly isSingle?: boolean;
}

export interface RunningTarget {
  readonly name: string;
  readonly port: number;
  /** CPU time of all its processes so far, in milliseconds. */
  cpuMs(): number;
  stop(): Promise<void>;
}

const node = process.execPath;

export const bare: Target = {
  name: 'node:http',
  isSingle: true,
  command: () => [node, join(apps, 'bare.mjs')],
  environment: (port) => ({ PORT: String(port) }),
};

export function lameduck(workers: number): Target {
  return {
    name: `lameduck run -w ${workers}`,
    isSingle: workers === 1,
    command: (port) => [
      node,
      launcher,
      'run',
      join(apps, 'handler.mjs'),
      '-w',
      String(workers),
      '-b',
      `127.0.0.1:${port}`,
    ],
  };
}

export function cluster(workers: number): Target {
  return {
    name: `node:cluster, ${workers} workers`,
    command: () => [node, join(apps, 'cluster.mjs')],
    environment: (port) => ({ PORT: String(port), WORKERS: String(workers) }),
  };
}

export function gunicorn(workers: number): Target {
  const program = process.env.LAMEDUCK_GUNICORN ?? '/usr/bin/gunicorn';
  const worker = 'uvicorn.workers.UvicornWorker';
  return {
    name: `Gunicorn + Uvicorn + FastAPI, ${workers} workers`,
    command: (port) => [
      program,
      '--chdir',
      apps,
      '-k',
      worker,
      '-w',
      String(workers),
      '-b',
      `127.0.0.1:${port}`,
      '--log-level',
      'warning',
      'bench_api:app',
    ],
  };
}

/** Starts a target on a free port, in a process group of its own; resolves when it accepts connections. */
export async function startTarget(target: Target): Promise<RunningTarget> {
  const [port = 0] = await freePorts(1);
  const [file = '', ...args] = target.command(port);
  // one process has the core that the loader has not; several have all of them
  const pinned = target.isSingle === true ? ['taskset', '-c', '0'] : [];
  const [program = '', ...words] = [...pinned, file, ...args];
  const child = spawn(program, words, {
    env: { ...process.env, ...target.environment?.(port) },
    stdio: ['ignore', 'ignore', 'ignore'],
  });
  await accepting(port, child, target.name);
  return {
    name: target.name,
    port,
    cpuMs: () => treeOf(child.pid ?? 0).reduce((sum, pid) => sum + cpuMsOf(pid), 0),
    stop: () => stop(child),
  };
}

async function accepting(port: number, child: ChildProcess, name: string): Promise<void> {
  for (const deadline = performance.now() + 20_000; performance.now() < deadline; await pause(50)) {
    if (child.exitCode !== null) throw new Error(`${name} ended with ${child.exitCode}`);
    if (await connects(port)) return;
  }
  throw new Error(`${name} does not accept connections`);
}

function connects(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.on('connect', () => resolve(true)).on('error', () => resolve(false));
    socket.on('connect', () => socket.destroy());
  });
}

async function stop(child: ChildProcess): Promise<void> {
  const closed = once(child, 'close');
  child.kill('SIGTERM');
  await closed;
}

function treeOf(pid: number): number[] {
  const file = `/proc/${pid}/task/${pid}/children`;
  const children = existsSync(file)
    ? readFileSync(file, 'utf8').trim().split(' ').filter(Boolean).map(Number)
    : childrenByParent(pid);
  return [pid, ...children.flatMap(treeOf)];
}

/** Where the kernel does not list children. */
function childrenByParent(parent: number): number[] {
  const pids = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
  return pids.filter((pid) => fieldsOf(pid)?.[1] === String(parent));
}

/** The fields of /proc/PID/stat after the name, the state first. */
function fieldsOf(pid: number): string[] | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  } catch {
    return undefined;
  }
}

/** User and system time: clock ticks of 10 ms. */
function cpuMsOf(pid: number): number {
  const fields = fieldsOf(pid);
  return fields === undefined ? 0 : (Number(fields[11]) + Number(fields[12])) * 10;
}
