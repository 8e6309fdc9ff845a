import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import net from 'node:net';
import path from 'node:path';
import type { MasterToWorker, WorkerAssignment, WorkerToMaster } from '@lameduck/core';

/** A worker as its master sees it: spawned on a socket that the test bound and never accepts on. */
export interface SpawnedWorker {
  readonly child: ChildProcess;
  readonly port: number;
  readonly messages: WorkerToMaster[];
  stderr(): string;
  /** Resolves with the next message of that type, or one that came already; rejects when the worker exits before. */
  message<Type extends WorkerToMaster['type']>(type: Type): Promise<Extract<WorkerToMaster, { type: Type }>>;
  tell(message: MasterToWorker): void;
  /** Gives up the test's own copy of the socket, as the master does before it releases its workers. */
  letGo(): void;
  kill(signal: NodeJS.Signals): void;
  /** Exit code, or the name of the signal. */
  readonly exited: Promise<number | string>;
}

/** A bound socket that nobody accepts on. */
export interface BoundHandle {
  readonly fd: number;
  getsockname(out: { port?: number }): number;
  close(): void;
}

/** No worker of a test lives longer. */
const longestMs = 45_000;
const main = path.resolve(import.meta.dirname, '../../dist/main.js');
const spawned = new Set<{ child: ChildProcess; handle: BoundHandle }>();

/** A bound socket that nobody accepts on, as the master holds one. */
export function bindSocket(): { handle: BoundHandle; port: number } {
  type CreateHandle = (host: string, port: number, family: number) => BoundHandle;
  const create = (net as unknown as { _createServerHandle: CreateHandle })._createServerHandle;
  const handle = create('127.0.0.1', 0, 4);
  const name: { port?: number } = {};
  handle.getsockname(name);
  if (name.port === undefined) throw new Error('Cannot bind a port for the test');
  return { handle, port: name.port };
}

export function appPath(name: string): string {
  return path.resolve(import.meta.dirname, '../apps', name);
}

export interface SpawnOptions extends Partial<WorkerAssignment> {
  readonly node?: string;
  /** A socket shared with other workers, instead of an own one. */
  readonly socket?: BoundHandle;
  readonly environment?: Readonly<Record<string, string>>;
}

/** Spawns dist/main.js exactly as the master does: socket as fd 3, IPC, assignment in the environment. */
export function spawnWorker(app: string, options: SpawnOptions = {}): SpawnedWorker {
  const { node = process.execPath, socket, environment, ...overrides } = options;
  const { handle, port } = socket === undefined ? bindSocket() : { handle: socket, port: 0 };
  const assignment: WorkerAssignment = {
    id: 1,
    generation: 1,
    entry: appPath(app),
    fd: 3,
    graceMs: 10_000,
    lingerMs: 1000,
    keepAliveMs: 30_000,
    readinessPath: '/readyz',
    livenessPath: '/livez',
    ...overrides,
  };
  const child = spawn(node, [main], {
    env: { ...process.env, ...environment, LAMEDUCK_WORKER: JSON.stringify(assignment) },
    stdio: ['ignore', 'ignore', 'pipe', handle.fd, 'ipc'],
  });
  spawned.add({ child, handle });
  return { ...observe(child, port), letGo: () => handle.close() };
}

function observe(child: ChildProcess, port: number): Omit<SpawnedWorker, 'letGo'> {
  const messages: WorkerToMaster[] = [];
  let errors = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    errors += text;
  });
  child.on('message', (message) => messages.push(message as WorkerToMaster));
  // Not `close` of the child: it never comes after disconnect().
  const allRead = child.stderr === null ? undefined : once(child.stderr, 'close');
  const exited = once(child, 'exit', { signal: AbortSignal.timeout(longestMs) }).then(
    async ([code, signal]) => {
      await allRead;
      return (code ?? signal) as number | string;
    },
  );

  function message<Type extends WorkerToMaster['type']>(
    type: Type,
  ): Promise<Extract<WorkerToMaster, { type: Type }>> {
    type Wanted = Extract<WorkerToMaster, { type: Type }>;
    return new Promise<Wanted>((resolve, reject) => {
      const check = (one: unknown): void => {
        if ((one as WorkerToMaster).type !== type) return;
        child.removeListener('message', check);
        resolve(one as Wanted);
      };
      for (const one of messages) check(one);
      child.on('message', check);
      exited.then(
        (code) => reject(new Error(`The worker exited ${code} before "${type}": ${errors}`)),
        reject,
      );
    });
  }

  return {
    child,
    port,
    messages,
    stderr: () => errors,
    message,
    tell: (one) => child.send(one),
    kill: (signal) => child.kill(signal),
    exited,
  };
}

/** Ends what is left, by its pid; for `after`. */
export async function reapWorkers(): Promise<void> {
  for (const { child, handle } of spawned) {
    handle.close();
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
  }
  spawned.clear();
}
