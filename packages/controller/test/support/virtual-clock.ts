import type { Clock } from '../../src/ports/clock.ts';

/** Time that passes only when a test says so. */
export interface VirtualClock {
  readonly clock: Clock;
  /** Lets everything happen that is due within this time, each thing at its moment. */
  advance(ms: number): Promise<void>;
}

interface Timer {
  readonly at: number;
  readonly callback: () => void;
}

/** Turns of the loop in which what was answered leads to the next question. */
const turns = 4;

export function createVirtualClock(): VirtualClock {
  const timers = new Set<Timer>();
  let now = 0;
  // chance without chance: a history that failed fails again
  let seed = 1;

  function nextDue(until: number): Timer | undefined {
    let next: Timer | undefined;
    for (const timer of timers)
      if (timer.at <= until && (next === undefined || timer.at < next.at)) next = timer;
    return next;
  }

  return {
    clock: {
      now: () => now,
      timestamp: () => new Date(now).toISOString(),
      random() {
        seed = (seed * 16_807) % 2_147_483_647;
        return seed / 2_147_483_647;
      },
      schedule(ms, callback) {
        const timer = { at: now + ms, callback };
        timers.add(timer);
        return () => timers.delete(timer);
      },
    },
    async advance(ms) {
      const until = now + ms;
      await quiet();
      for (let timer = nextDue(until); timer !== undefined; timer = nextDue(until)) {
        timers.delete(timer);
        now = timer.at;
        timer.callback();
        await quiet();
      }
      now = until;
    },
  };
}

async function quiet(): Promise<void> {
  for (let turn = 0; turn < turns; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}
