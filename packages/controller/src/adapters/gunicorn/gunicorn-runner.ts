import { join } from 'node:path';
import { type ArbiterView, formatAddress } from '@lameduck/core';
import type { NodeRunner, ProcessIdentity } from '../../ports/node-runner.ts';
import { identityKey, isSame } from '../../processes/identity.ts';
import { signalProcess } from '../../processes/kill.ts';
import { prepareLaunch, runFolderOf } from '../../processes/launch-options.ts';
import type { Launch, NodeProcessOptions } from '../../processes/node-process.ts';
import { createProcessRunner } from '../../processes/process-runner.ts';
import { readRecord } from '../../processes/record.ts';
import { stateFiles } from '../../processes/spawn-detached.ts';
import type { ArbiterAnswer } from './arbiter-answer.ts';
import { ArbiterWatch } from './arbiter-watch.ts';
import { ArbiterWorkers } from './arbiter-workers.ts';
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
  const watch = new ArbiterWatch(options.node, controlSocketOf(options), options.logger);
  const workers = new ArbiterWorkers(options.address);
  // An arbiter that stops closes its control socket before it tells its workers: it is not kept from that.
  const ask = async (node: ProcessIdentity): Promise<ArbiterAnswer | undefined> =>
    asked.has(identityKey(node)) ? undefined : await watch.look(node);
  const runner = createProcessRunner(options, {
    pidFile,
    pidFileOwner: 'ours',
    evidence: 'accepting',
    prepare: (signal) => gunicornLaunch(options, pidFile, signal),
    async terminate(node) {
      asked.add(identityKey(node));
      // To the master alone: it relays, and a worker that gets it twice may stop at once.
      signalProcess(node, 'SIGTERM');
    },
    workers: async (node) => await workers.list(node, await ask(node), asked.has(identityKey(node))),
  });
  return {
    ...runner,
    async arbiter(node) {
      return arbiterView(startedVersion(options, node), await ask(node));
    },
  };
}

function arbiterView(
  version: string | undefined,
  answer: ArbiterAnswer | undefined,
): ArbiterView | undefined {
  if (version === undefined && answer === undefined) return undefined;
  const told =
    answer === undefined ? {} : { target: answer.target, spawned: answer.spawned, reloads: answer.reloads };
  return { ...(version === undefined ? {} : { version }), ...told };
}

/** Of the process that runs: the one on disk may be a newer one by now. */
function startedVersion(
  { stateDirectory }: GunicornRunnerOptions,
  node: ProcessIdentity,
): string | undefined {
  const record = readRecord(stateFiles(stateDirectory).record);
  return record !== undefined && isSame(record, node) ? record.version : undefined;
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
      ...(packages.hasControlSocket ? controlArguments(controlSocketOf(options)) : []),
      ...(options.arguments ?? []),
      options.app,
    ],
    environment: { PYTHONUNBUFFERED: '1' },
    version: gunicorn.version,
    // Gunicorn writes its pid file itself, but makes no folder for it.
    folders: [runFolderOf(options)],
  };
}

function controlSocketOf(options: GunicornRunnerOptions): string {
  return join(runFolderOf(options), 'gunicorn.ctl');
}

// By default all Gunicorns of a user share one control socket path, so that nodes would take it from each other.
function controlArguments(path: string): readonly string[] {
  return Buffer.byteLength(path) <= mostSocketPathBytes
    ? ['--control-socket', path]
    : ['--no-control-socket'];
}
