import { longestHoldMs, parseDurationMs } from '@lameduck/core';
import { InvalidArgumentError } from 'commander';

/** Readers of option values; what they throw becomes commander's usage error, exit code 2. */

export function readCount(text: string): number {
  const count = Number(text);
  if (/^\d+$/.test(text) && count >= 1) return count;
  throw new InvalidArgumentError('a whole number from 1 is wanted.');
}

/** How long a request is to wait, at most. */
export function readHold(text: string): number {
  const ms = parseDurationMs(text);
  if (ms !== undefined && ms > 0 && ms <= longestHoldMs) return ms;
  throw new InvalidArgumentError('a duration such as 30s is wanted, at most 10m.');
}

/** For an option that may be repeated. */
export function collect(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value];
}
