import { LameduckError } from '@lameduck/core';
import type { ProcessIdentity } from '../ports/node-runner.ts';
import { findLiving } from './identity.ts';
import type { ProcessTree } from './tree.ts';
import { abortReason, poll } from './wait.ts';

// Only a process inside an uninterruptible system call outlives SIGKILL for long.
const killDeadlineMs = 10_000;

/**
 * Signals one process; false where it has ended or its pid belongs to another one now. Never signals pid 1 or
 * less, nor this process. Throws `internal` where the permission is missing.
 */
export function signalProcess(identity: ProcessIdentity, name: NodeJS.Signals): boolean {
  if (identity.pid <= 1 || identity.pid === process.pid || findLiving(identity) === undefined) return false;
  try {
    return process.kill(identity.pid, name);
  } catch (thrown) {
    const code = (thrown as NodeJS.ErrnoException).code;
    if (code === 'ESRCH') return false;
    const message = `Cannot send ${name} to process "${identity.pid}": permission must be granted: current value is ${code}`;
    throw new LameduckError('internal', message, { pid: identity.pid, signal: name }, thrown);
  }
}

/**
 * SIGKILL to every process of the tree, again for those that forked meanwhile; resolves with their pids once
 * none is left. Throws `deadlinePassed` with the pids that SIGKILL did not end within ten seconds.
 */
export async function killTree(tree: ProcessTree): Promise<readonly number[]> {
  const killed = new Set<number>();
  const deadline = AbortSignal.timeout(killDeadlineMs);
  const isGone = (): true | undefined => {
    const members = tree.look();
    for (const member of members) {
      signalProcess(member, 'SIGKILL');
      // also one that went a moment before its own signal: it ended because we killed its master
      killed.add(member.pid);
    }
    return members.length === 0 ? true : undefined;
  };
  try {
    await poll(isGone, deadline, 'kill the node');
  } catch (thrown) {
    if (!deadline.aborted) throw thrown;
    const left = tree.look().map((member) => member.pid);
    const message = `Cannot kill "${left.join(' ')}": SIGKILL must end every process: current value is still alive after ${killDeadlineMs} ms`;
    throw new LameduckError(
      'deadlinePassed',
      message,
      { pids: left },
      abortReason(deadline, 'kill the node'),
    );
  }
  return [...killed];
}
