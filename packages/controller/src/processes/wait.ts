import { setTimeout as delay } from 'node:timers/promises';
import { LameduckError } from '@lameduck/core';
import type { ProcessIdentity } from '../ports/node-runner.ts';
import { findLiving } from './identity.ts';
import type { ProcessTree } from './tree.ts';

// Node has no pidfd, and a process that is not our child sends no event: its end can only be looked for.
const pollMs = 20;
// For waits that last for the whole life of a node: an idle controller should cost nothing that can be felt.
const slowPollMs = 200;
const fullLookMs = 500;
const longestRestMs = 250;

/** What an aborted wait rejects with: `deadlinePassed` for a time-out, else the reason as it is. */
export function abortReason(signal: AbortSignal, action: string): unknown {
  const reason: unknown = signal.reason;
  if (!(reason instanceof Error) || reason.name !== 'TimeoutError') return reason;
  const message = `Cannot ${action}: it must be done before the deadline: current value is too late`;
  return new LameduckError('deadlinePassed', message, {}, reason);
}

/**
 * Looks take at most this share of the time: reading the sockets of a busy machine takes tens of milliseconds, in
 * which the event loop does nothing for the nodes that serve.
 */
const lookShare = 0.1;

/**
 * Resolves once `look` gives a value; looks every 20 ms, or as told, more rarely where a look takes long, and rejects
 * when the signal aborts.
 */
export async function poll<Value>(
  look: () => Value | undefined | Promise<Value | undefined>,
  signal: AbortSignal,
  action: string,
  intervalMs: number = pollMs,
): Promise<Value> {
  while (!signal.aborted) {
    const lookedAt = performance.now();
    const value = await look();
    if (value !== undefined) return value;
    const restMs = Math.min(longestRestMs, (performance.now() - lookedAt) / lookShare);
    await delay(Math.max(intervalMs, restMs), undefined, { signal }).catch(() => undefined);
  }
  throw abortReason(signal, action);
}

/** Resolves when the process has ended, a fifth of a second late at most; a zombie has ended. */
export async function processEnded(identity: ProcessIdentity, signal: AbortSignal): Promise<void> {
  const action = `wait for the end of process "${identity.pid}"`;
  await poll(() => (findLiving(identity) === undefined ? true : undefined), signal, action, slowPollMs);
}

/** Resolves when no process of the tree lives. */
export async function treeEnded(tree: ProcessTree, signal: AbortSignal): Promise<void> {
  let lookedAt = Number.NEGATIVE_INFINITY;
  const hasEnded = (): true | undefined => {
    // The whole of /proc costs milliseconds: it is read now and then for new members, and once nobody known is left.
    const due = performance.now() - lookedAt >= fullLookMs;
    if (!due && tree.remembered().length > 0) return undefined;
    lookedAt = performance.now();
    return tree.look().length === 0 ? true : undefined;
  };
  await poll(hasEnded, signal, 'wait for the end of the node');
}
