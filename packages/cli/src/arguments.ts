import { type Address, parseAddress, parseDurationMs } from '@lameduck/core';
import { InvalidArgumentError } from 'commander';

/** Readers of option values; what they throw becomes commander's usage error, exit code 2. */

export function readCount(text: string): number {
  const count = Number(text);
  if (/^\d+$/.test(text) && count >= 1) return count;
  throw new InvalidArgumentError('a whole number from 1 is wanted.');
}

export function readAddress(text: string): Address {
  // a bare port means this machine's loopback: nothing is offered to others unless they ask for it
  const address = parseAddress(/^\d+$/.test(text) ? `127.0.0.1:${text}` : text);
  if (address === undefined)
    throw new InvalidArgumentError('HOST:PORT, [IPV6]:PORT or unix:/PATH is wanted.');
  return address;
}

/** Gives milliseconds. */
export function readDuration(text: string): number {
  const ms = parseDurationMs(text);
  if (ms === undefined) throw new InvalidArgumentError('a duration such as 500ms, 30s or 2m is wanted.');
  return ms;
}

/** For an option that may be repeated. */
export function collect(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value];
}
