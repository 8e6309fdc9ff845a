import type { ProcessIdentity } from '../ports/node-runner.ts';
import { findLiving, identityKey, isLiving, isSame, listProcesses, type ProcessStat } from './identity.ts';

/** All processes of one node. It remembers what it saw, so that orphans of a dead master still count. */
export interface ProcessTree {
  /** Living processes of the node, its main process first; looks through the whole of /proc. */
  look(): readonly ProcessStat[];
  /** Those of the last look that still live; cheap. */
  remembered(): readonly ProcessStat[];
}

type ByPid = ReadonlyMap<number, ProcessStat>;

/**
 * Who belongs to a node: its roots, their descendants, members of a session or process group that a root leads
 * or led, and every process seen as one of these before.
 */
export function createProcessTree(roots: readonly ProcessIdentity[]): ProcessTree {
  // A group id that is kept by nobody but orphans of the node: start time unknown, so no living leader is it.
  const orphanGroups = new Map<number, ProcessIdentity>();
  let known: readonly ProcessIdentity[] = roots;
  return {
    look() {
      const byPid: ByPid = new Map(listProcesses().map((found) => [found.pid, found]));
      for (const group of daemonGroups(roots, byPid)) orphanGroups.set(group, { pid: group, startTime: -1 });
      const members = collect(known, [...roots, ...orphanGroups.values()], byPid);
      known = [...roots, ...members.filter((member) => !roots.some((root) => isSame(root, member)))];
      return members;
    },
    remembered: () => known.map(findLiving).filter((found) => found !== undefined),
  };
}

// A daemon forks twice: its group and session bear the id of a process that has ended.
function daemonGroups(roots: readonly ProcessIdentity[], byPid: ByPid): number[] {
  return roots.flatMap((root) => {
    const found = byPid.get(root.pid);
    if (found === undefined || !isSame(found, root) || !isLiving(found)) return [];
    const { processGroup, session } = found;
    return processGroup > 1 && processGroup === session && !byPid.has(session) ? [processGroup] : [];
  });
}

function collect(
  known: readonly ProcessIdentity[],
  leaders: readonly ProcessIdentity[],
  byPid: ByPid,
): readonly ProcessStat[] {
  const ledIds = new Set(leaders.filter((leader) => isFreeOrSame(leader, byPid)).map((leader) => leader.pid));
  const members = new Map<string, ProcessStat>();
  const include = (found: ProcessStat): boolean => {
    const key = identityKey(found);
    if (members.has(key) || found.pid <= 1 || found.pid === process.pid) return false;
    members.set(key, found);
    return true;
  };
  for (const identity of known) {
    const found = byPid.get(identity.pid);
    if (found !== undefined && isSame(found, identity)) include(found);
  }
  for (const found of byPid.values()) {
    if (ledIds.has(found.session) || ledIds.has(found.processGroup)) include(found);
  }
  includeDescendants(members, byPid, include);
  return [...members.values()].filter(isLiving);
}

// While a session or group has members, the kernel gives its id to no new process. So an id without a process, or
// with the very leader, is still the node's; one with another process has been given away.
function isFreeOrSame(leader: ProcessIdentity, byPid: ByPid): boolean {
  const found = byPid.get(leader.pid);
  return leader.pid > 1 && (found === undefined || isSame(found, leader));
}

function includeDescendants(
  members: ReadonlyMap<string, ProcessStat>,
  byPid: ByPid,
  include: (found: ProcessStat) => boolean,
): void {
  const parents = new Set([...members.values()].map((member) => member.pid));
  for (let grown = true; grown; ) {
    grown = false;
    for (const found of byPid.values()) {
      if (!parents.has(found.parentPid) || !include(found)) continue;
      parents.add(found.pid);
      grown = true;
    }
  }
}
