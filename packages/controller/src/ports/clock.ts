/** Time, so that everything that waits can be tested without waiting. */
export interface Clock {
  /** Monotonic milliseconds. */
  now(): number;
  /** Time of day, ISO 8601 in UTC. */
  timestamp(): string;
  /** Calls back once after `ms`; the returned function cancels. */
  schedule(ms: number, callback: () => void): () => void;
  /** A number from 0 up to 1, for jitter. */
  random(): number;
}
