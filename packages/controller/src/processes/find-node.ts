import { LameduckError } from '@lameduck/core';
import type { ProcessIdentity } from '../ports/node-runner.ts';
import { findLiving, isSame } from './identity.ts';
import { mayBelong } from './launch-options.ts';
import type { NodeKind, NodeProcessOptions } from './node-process.ts';
import { findByPidFile } from './pid-file.ts';
import { readRecord } from './record.ts';
import { readLaunchFile, stateFiles } from './spawn-detached.ts';

/**
 * The node's main process, if it lives: by our record, by what the process noted before our record was written, or
 * by its pid file. Throws `pidFile` where the file of a foreign server is unusable.
 */
export async function findNode(
  options: NodeProcessOptions,
  kind: NodeKind,
): Promise<ProcessIdentity | undefined> {
  const files = stateFiles(options.stateDirectory);
  const noted = [readRecord(files.record)];
  // The launcher of a daemon is not its main process.
  const launched = kind.pidFileOwner === 'theirs' ? undefined : readLaunchFile(files.launch);
  for (const identity of [...noted, launched]) {
    if (identity !== undefined && findLiving(identity)) return identityOf(identity);
  }
  if (kind.pidFile === undefined) return undefined;
  try {
    const found = await findByPidFile(kind.pidFile, options.node, options.address);
    return found !== undefined && (await mayBelong(options, found.pid)) ? found : undefined;
  } catch (thrown) {
    const isOurs = kind.pidFileOwner !== 'theirs';
    if (isOurs && thrown instanceof LameduckError && thrown.code === 'pidFile') return undefined;
    throw thrown;
  }
}

/** Every process that was started for the node and noted, living or not; the roots of its orphans. */
export function notedRoots(stateDirectory: string): readonly ProcessIdentity[] {
  const files = stateFiles(stateDirectory);
  const record = readRecord(files.record);
  const noted = [record, record?.launcher, readLaunchFile(files.launch)];
  return noted.filter((identity) => identity !== undefined).map(identityOf);
}

/** The roots of the tree of this main process: itself and, where it is another one, the process we started. */
export function rootsOf(stateDirectory: string, node: ProcessIdentity): readonly ProcessIdentity[] {
  const record = readRecord(stateFiles(stateDirectory).record);
  const launcher = record && isSame(record, node) ? record.launcher : undefined;
  return launcher === undefined ? [identityOf(node)] : [identityOf(node), launcher];
}

function identityOf({ pid, startTime }: ProcessIdentity): ProcessIdentity {
  return { pid, startTime };
}
