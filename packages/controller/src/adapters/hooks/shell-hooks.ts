import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { formatMs, type HooksConfig, LameduckError } from '@lameduck/core';
import { makeFolder } from '../../make-folder.ts';
import type { HookFacts, HookName, NodeHooks } from '../../ports/node-hooks.ts';
import type { ProcessIdentity } from '../../ports/node-runner.ts';
import { readBootId, readProcess } from '../../processes/identity.ts';
import { killTree, signalProcess } from '../../processes/kill.ts';
import {
  type LaunchOptions,
  logFileOf,
  type PreparedLaunch,
  prepareLaunch,
} from '../../processes/launch-options.ts';
import { openLog } from '../../processes/log-file.ts';
import { logEnd, readLogTail } from '../../processes/log-tail.ts';
import type { RunnerLogger } from '../../processes/node-process.ts';
import { readRecord, writeRecord } from '../../processes/record.ts';
import { createProcessTree } from '../../processes/tree.ts';

export interface ShellHooksOptions {
  readonly service: string;
  readonly node: string;
  /** Working directory, absolute. */
  readonly directory: string;
  /** The whole environment of the node. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Of the node: its log takes what hooks print. */
  readonly stateDirectory: string;
  /** Hooks run as the user of the node, with its files of variables. */
  readonly launch?: LaunchOptions;
  readonly config: HooksConfig;
  readonly logger: RunnerLogger;
}

/** From SIGTERM to SIGKILL for a hook whose time is over. */
const killAfterMs = 2_000;

/** Hooks that are commands, run beside the node: its directory, its environment, its log. */
export function createShellHooks(options: ShellHooksOptions): NodeHooks {
  return {
    timeoutMs: options.config.timeoutMs,
    describe: (hook) => {
      const command = options.config[hook];
      return typeof command === 'string' || command === undefined ? command : command.join(' ');
    },
    async run(hook, facts, signal) {
      const record = join(options.stateDirectory, 'hook.json');
      await endLeftover(record);
      if (options.config[hook] !== undefined) await runHook(options, hook, facts, record, signal);
    },
  };
}

/** Two hooks at once would change the same files. */
async function endLeftover(file: string): Promise<void> {
  const noted = readRecord(file);
  if (noted !== undefined) await killTree(createProcessTree([noted]));
}

interface Ended {
  readonly code: number | null;
  readonly text: string;
  /** False where it could not be begun. */
  readonly hasRun: boolean;
}

async function runHook(
  options: ShellHooksOptions,
  hook: HookName,
  facts: HookFacts,
  record: string,
  signal: AbortSignal,
): Promise<void> {
  signal.throwIfAborted();
  const prepared = await prepareLaunch(options);
  const log = logFileOf(options);
  makeFolder(options.stateDirectory);
  const offset = logEnd(log);
  const file = openLog(log, 'append');
  const beganAt = performance.now();
  const say = (text: string): void => void writeSync(file, `lameduck: ${hook}: ${text}\n`);
  try {
    say(describe(options, hook));
    const child = spawnHook(options, prepared, hook, facts, file);
    const ended = endOf(child);
    const found = readProcess(child.pid ?? 0);
    if (found !== undefined) await note(record, found, options, hook);
    const end = await bounded(options, found, ended, signal);
    const took = formatMs(performance.now() - beganAt);
    say(`${end.text} after ${took}`);
    if (end.code !== 0) throw failed(options, hook, end, readLogTail(log, offset));
    options.logger.info({ node: options.node, hook, took }, 'hook ended');
  } finally {
    closeSync(file);
    rmSync(record, { force: true });
  }
}

function describe({ config }: ShellHooksOptions, hook: HookName): string {
  const command = config[hook] ?? '';
  return typeof command === 'string' ? command : command.join(' ');
}

function spawnHook(
  options: ShellHooksOptions,
  prepared: PreparedLaunch,
  hook: HookName,
  facts: HookFacts,
  log: number,
): ChildProcess {
  const command = options.config[hook] ?? '';
  const own = typeof command === 'string' ? ['/bin/sh', '-c', command] : command;
  const [program = '', ...words] = [...prepared.prefix, ...own];
  return spawn(program, words, {
    cwd: options.directory,
    env: {
      ...options.environment,
      ...prepared.environment,
      LAMEDUCK_SERVICE: options.service,
      LAMEDUCK_NODE: options.node,
      LAMEDUCK_HOOK: hook,
      LAMEDUCK_ACTION: facts.action,
      LAMEDUCK_REASON: facts.reason ?? '',
    },
    // a group of its own: what it starts ends with it where its time is over
    detached: true,
    stdio: ['ignore', log, log],
  });
}

function endOf(child: ChildProcess): Promise<Ended> {
  return new Promise((resolve) => {
    child.once('error', (error) =>
      resolve({ code: null, text: `cannot be run: ${error.message}`, hasRun: false }),
    );
    child.once('exit', (code, name) => {
      resolve({ code, text: name === null ? `exited with code ${code}` : `ended by ${name}`, hasRun: true });
    });
  });
}

async function note(
  record: string,
  { pid, startTime }: ProcessIdentity,
  options: ShellHooksOptions,
  hook: HookName,
): Promise<void> {
  const command = [describe(options, hook)];
  await writeRecord(record, { pid, startTime, bootId: readBootId(), command });
}

/** Its end, by force where its time is over or nobody wants it any more. */
async function bounded(
  { config }: ShellHooksOptions,
  found: ProcessIdentity | undefined,
  ended: Promise<Ended>,
  signal: AbortSignal,
): Promise<Ended> {
  const timeout = AbortSignal.timeout(config.timeoutMs);
  const either = AbortSignal.any([timeout, signal]);
  const over = Promise.withResolvers<undefined>();
  either.addEventListener('abort', () => over.resolve(undefined), { once: true });
  const end = await Promise.race([ended, over.promise]);
  if (end !== undefined) return end;
  if (found !== undefined) await endByForce(found, ended);
  signal.throwIfAborted();
  return {
    code: null,
    text: `did not end within ${formatMs(config.timeoutMs)} (hooks.timeout) and was killed`,
    hasRun: true,
  };
}

async function endByForce(found: ProcessIdentity, ended: Promise<unknown>): Promise<void> {
  const tree = createProcessTree([found]);
  for (const member of tree.look()) signalProcess(member, 'SIGTERM');
  await Promise.race([ended, delay(killAfterMs, undefined, { ref: false })]);
  await killTree(tree);
}

function failed(
  { node }: ShellHooksOptions,
  hook: HookName,
  end: Ended,
  log: readonly string[],
): LameduckError {
  const lines = log.slice(1);
  const message = `Cannot run hook "${hook}" of node "${node}": it must exit with code 0: current value is: ${end.text}${lines.length === 0 ? '' : `:\n${lines.join('\n')}`}`;
  return new LameduckError('hookFailed', message, { node, hook, code: end.code, hasRun: end.hasRun });
}
