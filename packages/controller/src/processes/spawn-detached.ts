import { spawn } from 'node:child_process';
import { closeSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { LameduckError } from '@lameduck/core';
import { makeFolder } from '../make-folder.ts';
import type { ProcessIdentity } from '../ports/node-runner.ts';
import { parseStat, readBootId, readProcess } from './identity.ts';
import { openLog } from './log-file.ts';
import { logEnd, readFailureLog } from './log-tail.ts';

export interface DetachedOptions {
  readonly node: string;
  readonly command: readonly string[];
  /** Absolute. */
  readonly directory: string;
  /** The whole environment: nothing of ours is added. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly logFile: string;
  readonly umask?: number;
  /** Where the process itself notes who it is before it becomes the command. */
  readonly launchFile: string;
}

/** How a process ended, as `exited with code 1` or `ended by SIGKILL`. */
export interface ProcessEnd {
  readonly code: number | null;
  readonly text: string;
}

export interface DetachedProcess {
  readonly identity: ProcessIdentity;
  /** Size of the log before the start, in bytes. */
  readonly logOffset: number;
  readonly ended: Promise<ProcessEnd>;
  /** From now on the process keeps our event loop from ending no more. */
  release(): void;
}

// The process notes its boot and its stat line, then becomes the command, with the same pid and start time. So a
// controller that is killed between the spawn and its own record still finds the node.
function launchScript(umask: number | undefined): string {
  return [
    'read -r boot </proc/sys/kernel/random/boot_id && read -r stat </proc/$$/stat',
    'printf "%s\\n%s\\n" "$boot" "$stat" >"$1" && shift',
    ...(umask === undefined ? [] : [`umask ${umask.toString(8).padStart(3, '0')}`]),
    'exec "$@"',
  ].join(' && ');
}

/**
 * Starts a process that outlives us: leader of its own session, no standard input, output appended to the log.
 * Resolves once it exists. Throws `startFailed`, and `forbidden` for its log.
 */
export async function spawnDetached(options: DetachedOptions): Promise<DetachedProcess> {
  makeFolder(dirname(options.logFile));
  makeFolder(dirname(options.launchFile));
  rmSync(options.launchFile, { force: true });
  const logOffset = logEnd(options.logFile);
  const log = openLog(options.logFile, 'append');
  try {
    const script = launchScript(options.umask);
    const child = spawn('/bin/sh', ['-c', script, 'sh', options.launchFile, ...options.command], {
      cwd: options.directory,
      env: options.environment,
      detached: true,
      stdio: ['ignore', log, log],
    });
    const ended = new Promise<ProcessEnd>((resolve) => {
      child.once('exit', (code, signal) => resolve({ code, text: describeEnd(code, signal) }));
    });
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', reject);
    });
    // A child that has ended already stays a zombie until the event loop turns, so that it is found here.
    const found = readProcess(child.pid ?? 0);
    if (found === undefined)
      throw earlyEnd(options.node, await ended, readFailureLog(options.logFile, logOffset));
    return {
      identity: { pid: found.pid, startTime: found.startTime },
      logOffset,
      ended,
      release: () => child.unref(),
    };
  } catch (thrown) {
    if (thrown instanceof LameduckError) throw thrown;
    const message = `Cannot start "${options.node}": ${options.directory} must be a directory where a process can be started: current value is ${(thrown as Error).message}`;
    throw new LameduckError('startFailed', message, { node: options.node }, thrown);
  } finally {
    closeSync(log);
  }
}

/** The process that a launch file of this boot names, whether it still lives or not. */
export function readLaunchFile(file: string): ProcessIdentity | undefined {
  try {
    const [bootId, stat = ''] = readFileSync(file, 'utf8').split('\n');
    const parsed = bootId === readBootId() ? parseStat(stat) : undefined;
    return parsed && { pid: parsed.pid, startTime: parsed.startTime };
  } catch {
    return undefined;
  }
}

/** The error of a process that ended while it was started, with the end of its log. */
export function earlyEnd(
  node: string,
  end: { readonly text: string },
  log: readonly string[],
): LameduckError {
  const lines = log.length === 0 ? ' and wrote no log' : `:\n${log.join('\n')}`;
  const message = `Cannot start "${node}": its process must keep running: current value is ${end.text}${lines}`;
  return new LameduckError('startFailed', message, { node, end: end.text, log });
}

function describeEnd(code: number | null, signal: NodeJS.Signals | null): string {
  return signal === null ? `exited with code ${code}` : `ended by ${signal}`;
}

/** Files of a node in its state directory. */
export function stateFiles(stateDirectory: string): Readonly<Record<'record' | 'launch', string>> {
  return {
    record: join(stateDirectory, 'process.json'),
    launch: join(stateDirectory, 'launched'),
  };
}
