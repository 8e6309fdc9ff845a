import { closeSync, fstatSync, readSync, statSync } from 'node:fs';
import { openLog } from './log-file.ts';

const mostLines = 15;
const mostCauses = 3;
const mostBytes = 65_536;
// `ImportError: no module`, `TypeError [ERR_X]: no function`: how a traceback of Python or Node ends or begins.
// How our own programs end when they could not start: one message that needs nothing before it.
const ownWord = /^lameduck: /;
const causeLine = /^[A-Za-z_][\w.]*(Error|Exception)( \[\w+\])?: /;

/** Size of a log now, 0 where there is none: what is written from here on belongs to what starts now. */
export function logEnd(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}

/** The last 15 lines that were written after the offset (bytes); empty where there is no log. */
export function readLogTail(file: string, fromOffset = 0): readonly string[] {
  return readLines(file, fromOffset).slice(-mostLines);
}

/**
 * The same for a process that ended while it started, with the first errors before those lines: what a master prints
 * while it gives up can be longer than 15 lines, and the reason stands above it.
 */
export function readFailureLog(file: string, fromOffset: number): readonly string[] {
  const lines = readLines(file, fromOffset);
  const own = lines.findLastIndex((line) => ownWord.test(line));
  if (own >= 0) return lines.slice(own);
  const tail = lines.slice(-mostLines);
  const causes = new Set(lines.slice(0, -mostLines).filter((line) => causeLine.test(line)));
  const missing = [...causes].filter((line) => !tail.includes(line)).slice(0, mostCauses);
  return missing.length === 0 ? tail : [...missing, '…', ...tail];
}

function readLines(file: string, fromOffset: number): readonly string[] {
  let fd: number | undefined;
  try {
    fd = openLog(file, 'read');
    const { size } = fstatSync(fd);
    // A log shorter than the offset has been truncated by a rotation: all of it is new.
    const begin = Math.max(size < fromOffset ? 0 : fromOffset, size - mostBytes);
    const buffer = Buffer.alloc(Math.max(size - begin, 0));
    const length = readSync(fd, buffer, 0, buffer.length, begin);
    const lines = buffer.toString('utf8', 0, length).split('\n');
    return lines.filter((line) => line.trim() !== '');
  } catch {
    return [];
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}
