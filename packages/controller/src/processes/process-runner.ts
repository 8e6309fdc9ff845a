import { dirname } from 'node:path';
import { tryFolder } from '../make-folder.ts';
import type { NodeRunner, ProcessIdentity } from '../ports/node-runner.ts';
import { findNode, rootsOf } from './find-node.ts';
import { findLiving, identityKey, isSame, readArguments, readBootId } from './identity.ts';
import { killTree, signalProcess } from './kill.ts';
import { logFileOf, prepareLaunch, requireDirectory, requireRunFolder } from './launch-options.ts';
import { readLogTail } from './log-tail.ts';
import type { NodeKind, NodeProcessOptions } from './node-process.ts';
import { readRecord, writeRecord } from './record.ts';
import { stateFiles } from './spawn-detached.ts';
import { refuseHeldAddress, startNode } from './start-node.ts';
import { createProcessTree, type ProcessTree } from './tree.ts';
import { abortReason, processEnded, treeEnded } from './wait.ts';

/** The runner of a node that is a tree of local processes; what differs between servers is in `kind`. */
export function createProcessRunner(options: NodeProcessOptions, kind: NodeKind): NodeRunner {
  const trees = new Map<string, ProcessTree>();
  const asked = new Set<string>();
  let lastStart: Promise<unknown> = Promise.resolve();

  const treeOf = (node: ProcessIdentity): ProcessTree => {
    const key = identityKey(node);
    const tree = trees.get(key) ?? createProcessTree(rootsOf(options.stateDirectory, node));
    trees.set(key, tree);
    return tree;
  };
  const startOrFind = async (signal: AbortSignal): Promise<ProcessIdentity> => {
    const running = await findNode(options, kind);
    if (running !== undefined) return adopt(options, running);
    trees.clear();
    asked.clear();
    return await startNode(options, kind, signal);
  };
  return {
    find: () => findNode(options, kind),
    check: (signal) => check(options, kind, signal),
    start(signal) {
      // One at a time: a second start must find what the first one has started.
      const start = lastStart.then(() => startOrFind(signal));
      lastStart = start.catch(() => undefined);
      return start;
    },
    async died(node, signal) {
      treeOf(node).look();
      await processEnded(node, signal);
      if (asked.has(identityKey(node))) return await untilAborted(signal);
      return logOf(options, node);
    },
    async terminate(node) {
      const tree = treeOf(node);
      const members = tree.look();
      const isAskedBefore = asked.has(identityKey(node));
      if (members.length > 0) asked.add(identityKey(node));
      if (findLiving(node) !== undefined) return await kind.terminate(node, tree);
      // Nobody relays for a dead main process: its orphans are asked themselves, once.
      if (!isAskedBefore) for (const orphan of members) signalProcess(orphan, 'SIGTERM');
    },
    async exited(node, signal) {
      await treeEnded(treeOf(node), signal);
    },
    async kill(node) {
      asked.add(identityKey(node));
      return await killTree(treeOf(node));
    },
    workers: async (node) => (findLiving(node) === undefined ? [] : await kind.workers(node, treeOf(node))),
    logFile: logFileOf(options),
  };
}

async function check(
  options: NodeProcessOptions,
  kind: NodeKind,
  signal: AbortSignal,
): Promise<readonly string[]> {
  requireDirectory(options);
  await prepareLaunch(options);
  const { command, folders = [] } = await kind.prepare(signal);
  for (const folder of folders) await requireRunFolder(options, folder);
  tryFolder(dirname(logFileOf(options)));
  if ((await findNode(options, kind)) === undefined) await refuseHeldAddress(options);
  return command;
}

/** A node that something else started is noted, so that it is trusted by its start time from now on. */
async function adopt(options: NodeProcessOptions, running: ProcessIdentity): Promise<ProcessIdentity> {
  const { record } = stateFiles(options.stateDirectory);
  const noted = readRecord(record);
  if (noted === undefined || !isSame(noted, running)) {
    await writeRecord(record, { ...running, bootId: readBootId(), command: readArguments(running.pid) });
  }
  return running;
}

function logOf(options: NodeProcessOptions, node: ProcessIdentity): string {
  const record = readRecord(stateFiles(options.stateDirectory).record);
  const offset = record && isSame(record, node) ? record.logOffset : undefined;
  return readLogTail(logFileOf(options), offset).join('\n');
}

async function untilAborted(signal: AbortSignal): Promise<never> {
  await new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
  throw abortReason(signal, 'wait for the end of the node');
}
