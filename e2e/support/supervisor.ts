import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before } from 'node:test';
import { ask } from './ask.ts';
import { type RunningService, runService, type StartOptions } from './run-service.ts';
import { nodeName, type ServiceSpec } from './service-config.ts';
import { isRunning, until } from './until.ts';

/** One node that the test itself supervises, as systemd would: it signals the master, and starts it again. */
export interface SupervisedNode {
  readonly name: string;
  readonly pid: number;
  /** SIGTERM; resolves with the milliseconds until the master is gone. */
  terminate(): Promise<number>;
  /** Starts the same command line again; resolves when it is ready. */
  start(): Promise<void>;
  /** SIGKILL to the master and its workers. */
  kill(): Promise<void>;
}

/** A service whose controller is dead; nginx and the nodes go on. */
export interface Supervisor {
  readonly nodes: readonly SupervisedNode[];
  /** Ends nodes and nginx. */
  close(): Promise<void>;
}

/** Kills the controller with SIGKILL, and takes its place towards the nodes. */
export async function superviseAlone(service: RunningService, names: readonly string[]): Promise<Supervisor> {
  const nodes = names.map((name, index) => superviseNode(service.folder, name, service.ports[index + 1]));
  const nginx = pidIn(join(service.folder, '.lameduck', 'edges', 'edge-1', 'nginx.pid'));
  const ended = once(service.up, 'close');
  service.up.kill('SIGKILL');
  await ended;
  return {
    nodes,
    async close() {
      await Promise.all(nodes.map((node) => node.kill()));
      process.kill(nginx, 'SIGTERM');
      await until('nginx has ended', async () => !(await isRunning(nginx)));
    },
  };
}

/** For the tests of one suite: a service whose controller is killed before the first of them. */
export function serveAlone(
  spec: ServiceSpec,
  how: StartOptions = {},
): {
  readonly service: RunningService;
  readonly supervisor: Supervisor;
} {
  let service: RunningService;
  let supervisor: Supervisor;
  before(async () => {
    service = await runService(spec, how);
    supervisor = await superviseAlone(
      service,
      spec.nodes.map((_, index) => nodeName(index)),
    );
  });
  after(async () => {
    await supervisor.close();
    await service.stop();
  });
  return {
    get service() {
      return service;
    },
    get supervisor() {
      return supervisor;
    },
  };
}

function superviseNode(folder: string, name: string, port: number | undefined): SupervisedNode {
  const state = join(folder, '.lameduck', 'nodes', name);
  const isGunicorn = existsSync(join(state, 'gunicorn.pid'));
  let pid = pidIn(join(state, isGunicorn ? 'gunicorn.pid' : 'master.pid'));
  const cwd = readlinkSync(`/proc/${pid}/cwd`);
  const [command = '', ...args] = fieldsOf(pid, 'cmdline');
  const env = Object.fromEntries(fieldsOf(pid, 'environ').map(splitVariable));
  const isGone = async (): Promise<boolean> => !(await isRunning(pid));
  return {
    name,
    get pid(): number {
      return pid;
    },
    async terminate() {
      const startedAt = performance.now();
      process.kill(pid, 'SIGTERM');
      await until(`the master of ${name} has ended`, isGone, 30_000);
      return performance.now() - startedAt;
    },
    async start() {
      const child = spawn(command, args, { cwd, env, stdio: ['ignore', 'pipe', 'ignore'] });
      pid = child.pid ?? 0;
      if (!isGunicorn) return readyLine(child, name);
      child.stdout.resume();
      await until(`${name} answers`, () => isReady(`http://127.0.0.1:${port}`), 30_000);
    },
    async kill() {
      if (await isGone()) return;
      const workers = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').map(Number);
      for (const one of [pid, ...workers]) process.kill(one, 'SIGKILL');
      for (const one of [pid, ...workers]) await until('all have ended', async () => !(await isRunning(one)));
    },
  };
}

async function readyLine(
  child: ChildProcess & { stdout: NodeJS.ReadableStream },
  name: string,
): Promise<void> {
  for await (const line of createInterface({ input: child.stdout }))
    if (line.startsWith('ready ')) {
      child.stdout.resume();
      return;
    }
  throw new Error(`the master of ${name} ended before it was ready`);
}

async function isReady(url: string): Promise<boolean> {
  const answer = await ask(url, 'GET', '/healthz').catch(() => undefined);
  return answer?.status === 200;
}

function pidIn(file: string): number {
  return Number(readFileSync(file, 'utf8'));
}

function fieldsOf(pid: number, file: 'cmdline' | 'environ'): string[] {
  return readFileSync(`/proc/${pid}/${file}`, 'utf8').split('\0').slice(0, -1);
}

function splitVariable(line: string): [string, string] {
  const at = line.indexOf('=');
  return [line.slice(0, at), line.slice(at + 1)];
}

/** SIGTERM to one node after the other, each started again before the next. */
export async function restartInTurn(nodes: readonly SupervisedNode[], times: number): Promise<void> {
  for (let turn = 0; turn < times; turn += 1) {
    const node = nodes[turn % nodes.length];
    await node?.terminate();
    await node?.start();
  }
}
