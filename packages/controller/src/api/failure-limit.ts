import type { Clock } from '../ports/clock.ts';

/** Wrong tokens that one address may present within the window; then it is not listened to until the window ends. */
const mostFailures = 10;
const windowMs = 10_000;
/** Addresses that are remembered; the one whose failures began first is forgotten first. */
const mostAddresses = 1_000;

interface Window {
  readonly endsAt: number;
  count: number;
}

/** Slows whoever guesses tokens. */
export class FailureLimit {
  readonly #clock: Clock;
  readonly #windows = new Map<string, Window>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** How many milliseconds this address must wait; 0 where it need not. */
  waitMs(address: string): number {
    const window = this.#windows.get(address);
    if (window === undefined || window.count < mostFailures) return 0;
    return Math.max(0, window.endsAt - this.#clock.now());
  }

  note(address: string): void {
    const now = this.#clock.now();
    const known = this.#windows.get(address);
    if (known !== undefined && known.endsAt > now) {
      known.count += 1;
      return;
    }
    this.#windows.delete(address);
    this.#windows.set(address, { endsAt: now + windowMs, count: 1 });
    const [oldest] = this.#windows.keys();
    if (this.#windows.size > mostAddresses && oldest !== undefined) this.#windows.delete(oldest);
  }
}
