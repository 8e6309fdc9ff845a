import type { Clock } from './ports/clock.ts';

/** How often everything that is looked at again and again is looked at. */
export const beatMs = 100;

interface Joined {
  readonly work: () => void;
  readonly every: number;
}

/**
 * One timer for all that is looked at again and again, so that the process wakes once for all of it: mostly there is nothing
 * to do, and then to wake costs more than to look. What asks the edges does so with the same beat, and can share the answers.
 * Nothing runs while nobody has joined.
 */
export class Beat {
  readonly #clock: Clock;
  readonly #joined = new Set<Joined>();
  #count = 0;
  #dueAt = 0;
  #cancel: (() => void) | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** From now on the work is done with each beat of which the number is a multiple of `every`; the returned function ends it. */
  join(work: () => void, every = 1): () => void {
    const own = { work, every };
    this.#joined.add(own);
    if (this.#cancel === undefined) {
      this.#count = 0;
      this.#dueAt = this.#clock.now();
      this.#schedule();
    }
    return () => {
      if (!this.#joined.delete(own) || this.#joined.size > 0) return;
      this.#cancel?.();
      this.#cancel = undefined;
    };
  }

  /** Late timers do not add up; a process that stood still does not catch up. */
  #schedule(): void {
    const now = this.#clock.now();
    this.#dueAt = Math.max(this.#dueAt + beatMs, now);
    this.#cancel = this.#clock.schedule(this.#dueAt - now, this.#run);
  }

  readonly #run = (): void => {
    this.#count += 1;
    // before the work: what fails in it does not end the beat
    this.#schedule();
    for (const { work, every } of this.#joined) if (this.#count % every === 0) work();
  };
}
