import { basename } from 'node:path';
import type { ProcessIdentity } from '../../ports/node-runner.ts';
import { findLiving, type ProcessStat, readArguments, readName } from '../../processes/identity.ts';

const shells: ReadonlySet<string> = new Set(['sh', 'dash', 'bash', 'ash', 'busybox', 'ksh', 'zsh']);
const packageRunners = /^(npm|npx|pnpm|yarn)(-cli)?(\.c?js)?$/;

/**
 * Whom to send SIGTERM, so that the server itself gets it exactly once. A shell or npm that waits for its child
 * dies of SIGTERM and tells the child nothing: then it is that child, found through all of them; of several
 * children the one that holds the node's socket (in `server | cat` the server could not write its answers' log
 * after the end of `cat`). Where none can be told from the others it is every process of the tree.
 */
export function terminationTargets(
  main: ProcessIdentity,
  members: readonly ProcessStat[],
  holdsSocket: (pid: number) => boolean,
): readonly ProcessIdentity[] {
  const found = findLiving(main);
  if (found === undefined || !isWrapper(found.pid)) return [main];
  const children = members.filter((member) => member.parentPid === found.pid);
  const serving = children.filter((child) => isServing(child, members, holdsSocket));
  const [only, ...others] = children.length > 1 ? serving : children;
  return only === undefined || others.length > 0 ? members : terminationTargets(only, members, holdsSocket);
}

function isServing(
  root: ProcessStat,
  members: readonly ProcessStat[],
  holdsSocket: (pid: number) => boolean,
): boolean {
  if (holdsSocket(root.pid)) return true;
  const children = members.filter((member) => member.parentPid === root.pid);
  return children.some((child) => isServing(child, members, holdsSocket));
}

function isWrapper(pid: number): boolean {
  const [first = '', second = ''] = readArguments(pid);
  // npm sets its title to `npm run start`, which becomes its one argument.
  return shells.has(basename(first)) || [first.split(' ')[0], second, readName(pid)].some(isPackageRunner);
}

function isPackageRunner(text: string | undefined): boolean {
  return packageRunners.test(basename(text ?? '').split(' ')[0] ?? '');
}
