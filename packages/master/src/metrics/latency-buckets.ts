/** Upper bounds in milliseconds, as Prometheus' usual ones from 1 ms to 10 s, and 30 s as the usual grace period. */
export const latencyBucketsMs: readonly number[] = [
  1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000,
];
