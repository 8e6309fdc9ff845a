import { LameduckError } from '@lameduck/core';

/** Requests that are remembered, and for how long after they came. */
const mostKept = 256;
const keptMs = 15 * 60_000;

interface Kept<T> {
  readonly fingerprint: string;
  readonly at: number;
  readonly work: T;
}

/** What was begun under which key, so that a request that is sent again finds it instead of beginning it twice. */
export class Idempotency<T> {
  readonly #now: () => number;
  readonly #kept = new Map<string, Kept<T>>();

  constructor(now: () => number) {
    this.#now = now;
  }

  /** What was begun by this request before, or nothing. Throws `conflict` where the key was another request's. */
  find(key: string, fingerprint: string): T | undefined {
    const kept = this.#kept.get(key);
    if (kept === undefined || this.#now() - kept.at > keptMs) return undefined;
    if (kept.fingerprint === fingerprint) return kept.work;
    throw new LameduckError(
      'conflict',
      'Cannot use the Idempotency-Key: one that no other request had is wanted',
    );
  }

  keep(key: string, fingerprint: string, work: T): void {
    this.#kept.delete(key);
    this.#kept.set(key, { fingerprint, at: this.#now(), work });
    const [oldest] = this.#kept.keys();
    if (this.#kept.size > mostKept && oldest !== undefined) this.#kept.delete(oldest);
  }

  /** Nothing was begun after all. */
  forget(key: string): void {
    this.#kept.delete(key);
  }
}
