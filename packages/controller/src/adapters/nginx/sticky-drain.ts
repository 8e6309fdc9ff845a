import { setTimeout as delay } from 'node:timers/promises';
import type { EdgeProgress } from '../../ports/edge.ts';

/** One node whose sticky sessions are to end on it. */
export interface StickyDrain {
  readonly node: string;
  readonly drainMs: number;
  /** Loads a configuration in which these nodes are `drain`, as made of those that were. */
  readonly load: (draining: (former: readonly string[]) => readonly string[]) => Promise<void>;
  readonly onProgress: (progress: EdgeProgress) => void;
}

/**
 * Lets only the clients whose cookie names the node go to it, for a time: nginx knows no end of a session that one could
 * wait for. When the signal aborts new clients may go there again.
 */
export async function drainSessions(
  { node, drainMs, load, onProgress }: StickyDrain,
  signal: AbortSignal,
): Promise<void> {
  const others = (former: readonly string[]): readonly string[] => former.filter((one) => one !== node);
  signal.throwIfAborted();
  await load((former) => [...others(former), node]);
  onProgress({ state: 'draining' });
  try {
    await delay(drainMs, undefined, { signal });
  } catch (thrown) {
    await load(others);
    throw thrown;
  }
}
