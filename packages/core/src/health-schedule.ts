/** Up to this share of the interval is added or taken by chance, so that checks of many nodes do not align. */
export const jitterShare = 0.1;

/** When the first check of a target is due: anywhere in its first interval. `chance` is from 0 up to 1. */
export function firstDelayMs(intervalMs: number, chance: number): number {
  return intervalMs * chance;
}

/** From the time at which one check was due until the next one is: the interval ± 10 %. */
export function nextDelayMs(intervalMs: number, chance: number, share: number = jitterShare): number {
  return intervalMs * (1 + share * (2 * chance - 1));
}
