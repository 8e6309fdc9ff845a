import { readFileSync } from 'node:fs';
import { notedRoots } from './find-node.ts';
import type { ProcessStat } from './identity.ts';
import { signalProcess } from './kill.ts';
import { findListeners, holdsListener } from './listeners.ts';
import type { NodeProcessOptions } from './node-process.ts';
import { createProcessTree } from './tree.ts';
import { poll } from './wait.ts';

/** Set for every process of a node to its state directory; tells the node's own orphans from strangers. */
export const nodeMarker = 'LAMEDUCK_NODE_STATE';

const overrunMs = 1_000;
const killMs = 10_000;

/**
 * Ends what a dead main process of the node left behind (Gunicorn's workers outlive their master and keep the
 * port): SIGTERM, `timeoutGracefulShutdown`, SIGKILL. Resolves when none is left.
 */
export async function endOrphans(options: NodeProcessOptions, signal: AbortSignal): Promise<void> {
  const tree = createProcessTree(notedRoots(options.stateDirectory));
  const listeners = await findListeners(options.address);
  const orphans = (): readonly ProcessStat[] =>
    tree.look().filter(({ pid }) => isMarked(pid, options.stateDirectory) || holdsListener(pid, listeners));
  const gone = (): true | undefined => (orphans().length === 0 ? true : undefined);
  const found = orphans();
  if (found.length === 0) return;
  const pids = found.map(({ pid }) => pid);
  options.logger.warn({ node: options.node, pids }, 'ending processes left by an earlier run of the node');
  for (const orphan of found) signalProcess(orphan, 'SIGTERM');
  const action = `end the orphans "${pids.join(' ')}"`;
  const graceful = AbortSignal.timeout(options.timeoutGracefulShutdownMs + overrunMs);
  try {
    await poll(gone, AbortSignal.any([signal, graceful]), action);
  } catch (thrown) {
    if (signal.aborted || !graceful.aborted) throw thrown;
    const killThem = (): true | undefined => {
      for (const orphan of orphans()) signalProcess(orphan, 'SIGKILL');
      return gone();
    };
    await poll(killThem, AbortSignal.any([signal, AbortSignal.timeout(killMs)]), action);
  }
}

// A pid may have been given away since the record was written: only the environment proves whose child it is.
function isMarked(pid: number, stateDirectory: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'utf8')
      .split('\0')
      .includes(`${nodeMarker}=${stateDirectory}`);
  } catch {
    return false;
  }
}
