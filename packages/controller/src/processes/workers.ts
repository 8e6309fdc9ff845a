import type { ProcessIdentity, RunningWorker } from '../ports/node-runner.ts';
import { findLiving, isLiving, listProcesses, type ProcessStat } from './identity.ts';

/** The living children of a main process, each with the state that `stateOf` tells. */
export function childrenOf(
  node: ProcessIdentity,
  stateOf: (child: ProcessStat) => string,
): readonly RunningWorker[] {
  if (findLiving(node) === undefined) return [];
  return listProcesses()
    .filter((found) => found.parentPid === node.pid && isLiving(found))
    .map((child) => ({ pid: child.pid, state: stateOf(child) }));
}
