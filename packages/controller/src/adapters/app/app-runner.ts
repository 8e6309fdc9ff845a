import { accessSync, constants, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { formatAddress, LameduckError, type MasterStatus } from '@lameduck/core';
import type { NodeRunner, RunningWorker } from '../../ports/node-runner.ts';
import { readProcess } from '../../processes/identity.ts';
import { signalProcess } from '../../processes/kill.ts';
import { runFolderOf } from '../../processes/launch-options.ts';
import type { Launch, NodeProcessOptions } from '../../processes/node-process.ts';
import { createProcessRunner } from '../../processes/process-runner.ts';
import { StartTimes } from '../../processes/start-times.ts';
import { childrenOf } from '../../processes/workers.ts';
import { socketPath } from '../../socket-path.ts';
import { askControl } from './control-socket.ts';

export interface AppRunnerOptions extends NodeProcessOptions {
  /** The module that exports the application; relative to `directory`. */
  readonly entry: string;
  readonly workers: number;
  /** How to run `lameduck run`: `[execPath, '/…/lameduck.js', 'run']`. */
  readonly masterCommand: readonly string[];
  /** Time of the master beyond the graceful timeout before it kills a worker; 2 s. */
  readonly killMarginMs?: number;
  /** Idle time of connections; longer than the edge's, so that the edge closes first; 15 s. */
  readonly keepAliveMs?: number;
  /** Unix socket of the controller's API: the master asks it before it obeys a SIGTERM of somebody else. */
  readonly controllerSocket?: string;
  /** Further arguments of `lameduck run`. */
  readonly arguments?: readonly string[];
}

const mebibyte = 1024 * 1024;
const lingerDeadlineMs = 500;
const statusDeadlineMs = 1_000;
const defaultKillMarginMs = 2_000;
const defaultKeepAliveMs = 15_000;

/** Runs a node under our own master. `start` throws `entryUnusable` before it starts anything. */
export function createAppRunner(options: AppRunnerOptions): NodeRunner {
  const folder = runFolderOf(options);
  const pidFile = join(folder, 'master.pid');
  const socket = socketPath(folder, 'master.sock');
  const startTimes = new StartTimes();
  const runner = createProcessRunner(options, {
    pidFile,
    pidFileOwner: 'ours',
    evidence: 'accepting',
    prepare: async () => {
      const entry = usableEntry(options);
      const folders = [...new Set([folder, dirname(socket)])];
      return { ...masterLaunch(options, entry, pidFile, socket), folders };
    },
    async terminate(node) {
      // No edge sends anything more: connections need not linger. A master that does not answer lingers as usual.
      await askControl(socket, 'POST', '/linger', { ms: 0 }, AbortSignal.timeout(lingerDeadlineMs)).catch(
        (thrown: unknown) => {
          const fields = { node: options.node, error: String(thrown) };
          options.logger.warn(fields, 'master was not told to end its linger window');
        },
      );
      signalProcess(node, 'SIGTERM');
    },
    async workers(node) {
      try {
        return await askWorkers(socket, startTimes);
      } catch {
        return childrenOf(node, () => 'running');
      }
    },
  });
  return { ...runner, master: () => askStatus(socket) };
}

async function askStatus(socket: string): Promise<MasterStatus> {
  const signal = AbortSignal.timeout(statusDeadlineMs);
  return (await askControl(socket, 'GET', '/status', undefined, signal)) as MasterStatus;
}

async function askWorkers(socket: string, startTimes: StartTimes): Promise<readonly RunningWorker[]> {
  const { workers } = await askStatus(socket);
  return workers.map(({ pid, state, inFlight, open, idle, rssBytes, generation }) => {
    const found = readProcess(pid);
    return {
      ...{ pid, state, inFlight, open, idle, generation },
      // to the MiB: what a worker needs changes all the time
      rss: Math.round(rssBytes / mebibyte) * mebibyte,
      ...(found === undefined ? {} : { startedAtMs: startTimes.of(found) }),
    };
  });
}

function usableEntry({ node, entry, directory }: AppRunnerOptions): string {
  const path = resolve(directory, entry);
  try {
    accessSync(path, constants.R_OK);
    if (statSync(path).isFile()) return path;
  } catch (thrown) {
    throw unusable(node, path, (thrown as NodeJS.ErrnoException).code ?? 'unreadable', thrown);
  }
  throw unusable(node, path, 'no file');
}

function unusable(node: string, path: string, got: string, cause?: unknown): LameduckError {
  const message = `Cannot start "${node}": entry ${path} must be a readable file: current value is ${got}`;
  return new LameduckError('entryUnusable', message, { node, entry: path }, cause);
}

function masterLaunch(options: AppRunnerOptions, entry: string, pidFile: string, socket: string): Launch {
  return {
    command: [
      ...options.masterCommand,
      entry,
      ...['--workers', String(options.workers)],
      ...['--bind', formatAddress(options.address)],
      ...['--pidfile', pidFile],
      ...['--control', socket],
      ...['--timeout-graceful-shutdown', durationText(options.timeoutGracefulShutdownMs)],
      ...['--kill-margin', durationText(options.killMarginMs ?? defaultKillMarginMs)],
      ...['--keep-alive', durationText(options.keepAliveMs ?? defaultKeepAliveMs)],
      ...(options.controllerSocket === undefined
        ? []
        : ['--controller', options.controllerSocket, '--node', options.node]),
      ...(options.arguments ?? []),
    ],
  };
}

function durationText(ms: number): string {
  return ms % 1000 === 0 ? `${ms / 1000}s` : `${ms}ms`;
}
