/** Over so long the connections of a leaving worker are spread, and so long at most is it between two. */
const spreadMs = 400;
const longestGapMs = 25;

/**
 * When the next connection may go. A new worker has compiled little of its code yet: many connections that come at
 * once wait for each other there, while where they are they are served as ever. So few go in their turn, however
 * few; many go faster, and what is left after the whole time goes at once.
 */
export class Pace {
  readonly #due: () => void;
  #beganAt: number | undefined;
  #timer: NodeJS.Timeout | undefined;

  /** @param due Called when one may go that was not allowed to before. */
  constructor(due: () => void) {
    this.#due = due;
  }

  mayGo(): boolean {
    return this.#timer === undefined;
  }

  /** One has gone, and so many wait. */
  gone(waiting: number): void {
    const now = performance.now();
    this.#beganAt ??= now;
    const leftMs = this.#beganAt + spreadMs - now;
    const gapMs = Math.min(longestGapMs, leftMs / Math.max(1, waiting));
    if (gapMs < 1) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#due();
    }, gapMs);
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
