import { rmSync } from 'node:fs';
import { formatAddress, LameduckError } from '@lameduck/core';
import type { ProcessIdentity } from '../ports/node-runner.ts';
import { findLiving, isSame, readBootId } from './identity.ts';
import { killTree } from './kill.ts';
import { logFileOf, prepareLaunch, prepareRunFolder, requireDirectory } from './launch-options.ts';
import { acceptsOn, describeHolder, findListeners, holdsListener } from './listeners.ts';
import { readFailureLog } from './log-tail.ts';
import type { Launch, NodeKind, NodeProcessOptions } from './node-process.ts';
import { endOrphans, nodeMarker } from './orphans.ts';
import { findByPidFile } from './pid-file.ts';
import { writeRecord } from './record.ts';
import {
  type DetachedProcess,
  earlyEnd,
  type ProcessEnd,
  spawnDetached,
  stateFiles,
} from './spawn-detached.ts';
import { createProcessTree, type ProcessTree } from './tree.ts';
import { abortReason, poll } from './wait.ts';

const defaultSettleMs = 3_000;
/** A pid file is written in two steps by many servers; what is still not a pid after this is an error. */
const unreadableMs = 500;

/**
 * Starts a node that does not run. Resolves with its main process once it serves or has lived for `settleMs`.
 * On failure, and when the signal aborts, nothing of what was started is left.
 */
export async function startNode(
  options: NodeProcessOptions,
  kind: NodeKind,
  signal: AbortSignal,
): Promise<ProcessIdentity> {
  if (signal.aborted) throw abortReason(signal, `start "${options.node}"`);
  requireDirectory(options);
  const launch = await kind.prepare(signal);
  for (const folder of launch.folders ?? []) await prepareRunFolder(options, folder);
  await endOrphans(options, signal);
  await refuseHeldAddress(options);
  if (signal.aborted) throw abortReason(signal, `start "${options.node}"`);
  // Gunicorn refuses to start where a stale pid file names a living process, whatever that is.
  if (kind.pidFile !== undefined && kind.pidFileOwner !== 'theirs') rmSync(kind.pidFile, { force: true });
  const child = await spawnNode(options, launch);
  const roots = [child.identity];
  try {
    const main = await findMain(options, kind, child, signal);
    if (!isSame(main, child.identity)) roots.unshift(main);
    await note(options, launch, main, child);
    await settle(options, kind, { main, child, tree: createProcessTree(roots) }, signal);
    options.logger.info({ node: options.node, pid: main.pid }, 'node process started');
    return main;
  } catch (thrown) {
    await killTree(createProcessTree(roots));
    rmSync(stateFiles(options.stateDirectory).record, { force: true });
    throw thrown;
  } finally {
    child.release();
  }
}

/** Throws `addressInUse` with its holder where something listens on the node's address. */
export async function refuseHeldAddress({ node, address }: NodeProcessOptions): Promise<void> {
  const listeners = await findListeners(address);
  if (listeners.length === 0) return;
  const holder = describeHolder(listeners);
  const text = formatAddress(address);
  const message = `Cannot start "${node}": address ${text} must be free: current value is ${holder.text}`;
  throw new LameduckError('addressInUse', message, { node, address: text, pid: holder.pid });
}

async function spawnNode(options: NodeProcessOptions, launch: Launch): Promise<DetachedProcess> {
  const { prefix, environment, umask } = await prepareLaunch(options);
  return await spawnDetached({
    node: options.node,
    command: [...prefix, ...launch.command],
    directory: options.directory,
    environment: {
      ...launch.environment,
      ...options.environment,
      ...environment,
      [nodeMarker]: options.stateDirectory,
    },
    ...(umask === undefined ? {} : { umask }),
    logFile: logFileOf(options),
    launchFile: stateFiles(options.stateDirectory).launch,
  });
}

async function note(
  options: NodeProcessOptions,
  launch: Launch,
  main: ProcessIdentity,
  child: DetachedProcess,
): Promise<void> {
  const files = stateFiles(options.stateDirectory);
  await writeRecord(files.record, {
    pid: main.pid,
    startTime: main.startTime,
    bootId: readBootId(),
    command: launch.command,
    logOffset: child.logOffset,
    ...(launch.version === undefined ? {} : { version: launch.version }),
    ...(isSame(main, child.identity) ? {} : { launcher: child.identity }),
  });
  rmSync(files.launch, { force: true });
}

async function findMain(
  options: NodeProcessOptions,
  kind: NodeKind,
  child: DetachedProcess,
  signal: AbortSignal,
): Promise<ProcessIdentity> {
  const file = kind.pidFile;
  if (file === undefined || kind.pidFileOwner !== 'theirs') return child.identity;
  let end: ProcessEnd | undefined;
  void child.ended.then((ended) => {
    end = ended;
  });
  const read = readTwice(options, file);
  const look = async (): Promise<ProcessIdentity | undefined> => {
    // A start command that has handed over to its daemon exits 0.
    if (end !== undefined && end.code !== 0) throw earlyEnd(options.node, end, logSince(options, child));
    return await read();
  };
  return await poll(look, signal, `start "${options.node}" and find its main process in pid file ${file}`);
}

/** A look at a pid file that may be half written: it trusts what it has read twice. */
function readTwice(options: NodeProcessOptions, file: string): () => Promise<ProcessIdentity | undefined> {
  let before: ProcessIdentity | undefined;
  let unreadableSince: number | undefined;
  return async () => {
    try {
      const last = before;
      before = await findByPidFile(file, options.node, options.address);
      unreadableSince = undefined;
      return before !== undefined && last !== undefined && isSame(before, last) ? before : undefined;
    } catch (thrown) {
      unreadableSince ??= performance.now();
      if (performance.now() - unreadableSince > unreadableMs) throw thrown;
      return undefined;
    }
  };
}

interface Started {
  readonly main: ProcessIdentity;
  readonly child: DetachedProcess;
  readonly tree: ProcessTree;
}

async function settle(
  options: NodeProcessOptions,
  kind: NodeKind,
  { main, child, tree }: Started,
  signal: AbortSignal,
): Promise<void> {
  const until = performance.now() + (options.settleMs ?? defaultSettleMs);
  const look = async (): Promise<true | undefined> => {
    if (findLiving(main) === undefined) {
      const end = isSame(main, child.identity) ? await child.ended : { text: 'ended' };
      throw earlyEnd(options.node, end, logSince(options, child));
    }
    return performance.now() >= until || (await shows(kind, options, tree)) ? true : undefined;
  };
  await poll(look, signal, `start "${options.node}"`);
}

async function shows(kind: NodeKind, { address }: NodeProcessOptions, tree: ProcessTree): Promise<boolean> {
  const listeners = await findListeners(address);
  if (listeners.length === 0) return false;
  const isServing = kind.evidence === 'accepting' ? acceptsOn : holdsListener;
  return tree.look().some(({ pid }) => isServing(pid, listeners));
}

function logSince(options: NodeProcessOptions, child: DetachedProcess): readonly string[] {
  return readFailureLog(logFileOf(options), child.logOffset);
}
