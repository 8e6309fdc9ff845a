import { join } from 'node:path';
import { formatAddress } from '@lameduck/core';
import type { NodeRunner, ProcessIdentity, RunningWorker } from '../../ports/node-runner.ts';
import { identityKey } from '../../processes/identity.ts';
import { signalProcess } from '../../processes/kill.ts';
import { prepareLaunch, prepareRunFolder, runFolderOf } from '../../processes/launch-options.ts';
import { acceptsOn, findListeners } from '../../processes/listeners.ts';
import type { Launch, NodeProcessOptions } from '../../processes/node-process.ts';
import { createProcessRunner } from '../../processes/process-runner.ts';
import { childrenOf } from '../../processes/workers.ts';
import { findGunicorn, type GunicornSearch } from './find-gunicorn.ts';
import { probePackages, workerClassMissing } from './worker-class.ts';

export interface GunicornRunnerOptions extends NodeProcessOptions {
  /** `module:variable`, as Gunicorn takes it. */
  readonly app: string;
  readonly workers: number;
  /** Path or name; default: `LAMEDUCK_GUNICORN`, else the first on PATH that runs, else /usr/bin/gunicorn. */
  readonly command?: string;
  /** Runs `PYTHON -m gunicorn` instead. */
  readonly python?: string;
  /** Default: the Uvicorn worker that Gunicorn's Python has. */
  readonly workerClass?: string;
  /** Further arguments; they come last and win. */
  readonly arguments?: readonly string[];
}

// Longer than the 4 s of the edge's upstream pool: the edge closes an idle connection first.
const keepAliveSeconds = 15;
const mostSocketPathBytes = 107;

/** Runs a node under a real Gunicorn. `start` throws `binaryMissing` where Gunicorn or a worker class is missing. */
export function createGunicornRunner(options: GunicornRunnerOptions): NodeRunner {
  const pidFile = join(runFolderOf(options), 'gunicorn.pid');
  const asked = new Set<string>();
  return createProcessRunner(options, {
    pidFile,
    pidFileOwner: 'ours',
    evidence: 'accepting',
    prepare: (signal) => gunicornLaunch(options, pidFile, signal),
    async terminate(node) {
      asked.add(identityKey(node));
      // To the master alone: it relays, and a worker that gets it twice may stop at once.
      signalProcess(node, 'SIGTERM');
    },
    workers: (node) => gunicornWorkers(options, node, asked.has(identityKey(node))),
  });
}

async function gunicornWorkers(
  { address }: GunicornRunnerOptions,
  node: ProcessIdentity,
  isTerminating: boolean,
): Promise<readonly RunningWorker[]> {
  const listeners = await findListeners(address);
  return childrenOf(node, ({ pid }) => {
    if (isTerminating) return 'draining';
    return acceptsOn(pid, listeners) ? 'ready' : 'running';
  });
}

async function gunicornLaunch(
  options: GunicornRunnerOptions,
  pidFile: string,
  signal: AbortSignal,
): Promise<Launch> {
  const { prefix, environment } = await prepareLaunch(options);
  const search: GunicornSearch = {
    ...options,
    prefix,
    environment: { ...options.environment, ...environment },
  };
  const gunicorn = await findGunicorn(search, signal);
  const packages = await probePackages(gunicorn, search, signal);
  const workerClass = options.workerClass ?? packages.workerClass;
  if (workerClass === undefined) throw workerClassMissing(options.node, gunicorn.python);
  // Gunicorn writes its pid file itself, but makes no folder for it.
  await prepareRunFolder(options, runFolderOf(options));
  return {
    command: [
      ...gunicorn.command,
      ...['--bind', formatAddress(options.address)],
      ...['--workers', String(options.workers)],
      ...['--worker-class', workerClass],
      ...['--pid', pidFile],
      ...['--graceful-timeout', String(Math.max(1, Math.ceil(options.timeoutGracefulShutdownMs / 1000)))],
      ...['--keep-alive', String(keepAliveSeconds)],
      ...['--error-logfile', '-'],
      ...(packages.hasControlSocket ? controlArguments(runFolderOf(options)) : []),
      ...(options.arguments ?? []),
      options.app,
    ],
    environment: { PYTHONUNBUFFERED: '1' },
  };
}

// By default all Gunicorns of a user share one control socket path, so that nodes would take it from each other.
function controlArguments(folder: string): readonly string[] {
  const path = join(folder, 'gunicorn.ctl');
  return Buffer.byteLength(path) <= mostSocketPathBytes
    ? ['--control-socket', path]
    : ['--no-control-socket'];
}
