import type { Clock } from '../../src/ports/clock.ts';

/** A clock that a test moves by hand; chance is a fixed sequence, the same in each run. */
export interface FakeClock extends Clock {
  /** Lets this much time pass; whoever waits is called in order, each with a turn of the loop to act. */
  advance(ms: number): Promise<void>;
}

export function createFakeClock(): FakeClock {
  let now = 0;
  let seed = 42;
  const waiting = new Set<{ readonly at: number; readonly callback: () => void }>();

  function earliest(until: number): { readonly at: number; readonly callback: () => void } | undefined {
    let found: { readonly at: number; readonly callback: () => void } | undefined;
    for (const entry of waiting) if (entry.at <= until && entry.at < (found?.at ?? Infinity)) found = entry;
    return found;
  }

  return {
    now: () => now,
    timestamp: () => new Date(now).toISOString(),
    random: () => {
      seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
      return seed / 2 ** 32;
    },
    schedule(ms, callback) {
      const entry = { at: now + Math.max(0, ms), callback };
      waiting.add(entry);
      return () => waiting.delete(entry);
    },
    async advance(ms) {
      const until = now + ms;
      await turn();
      for (let next = earliest(until); next !== undefined; next = earliest(until)) {
        waiting.delete(next);
        now = Math.max(now, next.at);
        next.callback();
        await turn();
      }
      now = until;
    },
  };
}

/** Enough turns for the promises of one check. */
async function turn(): Promise<void> {
  for (let count = 0; count < 8; count += 1) await Promise.resolve();
}
