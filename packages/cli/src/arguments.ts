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

export function readNumberFromZero(text: string): number {
  if (/^\d+$/.test(text)) return Number(text);
  throw new InvalidArgumentError('a whole number from 0 is wanted.');
}

/** `3` or `25%`. */
export function readBatch(text: string): number | string {
  if (/^(100|[1-9]\d?)%$/.test(text)) return text;
  return readCount(text);
}

/** `0.5%` as 0.005. */
export function readShare(text: string): number {
  if (/^(100|\d{1,2}(\.\d{1,3})?)%$/.test(text)) return Number(text.slice(0, -1)) / 100;
  throw new InvalidArgumentError('a percentage such as 1% or 0.5% is wanted.');
}

export function readRatio(text: string): number {
  const ratio = Number(text);
  if (/^\d+(\.\d+)?$/.test(text) && ratio >= 1) return ratio;
  throw new InvalidArgumentError('a number from 1 is wanted.');
}

/** Milliseconds of `30s`; `0s` is allowed. */
export function readDuration(text: string): number {
  const ms = parseDurationMs(text);
  if (ms !== undefined) return ms;
  throw new InvalidArgumentError('a duration such as 500ms, 30s or 2m is wanted.');
}

/** `a,b` */
export function readNames(text: string): readonly string[] {
  const names = text.split(',').map((name) => name.trim());
  if (names.every((name) => name !== '')) return names;
  throw new InvalidArgumentError('names with commas between them are wanted.');
}
