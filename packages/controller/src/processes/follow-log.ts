import { close, fstat, read } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { openLog } from './log-file.ts';

const stat = promisify(fstat);
const readPiece = promisify(read);
const closeLog = promisify(close);

/** At most this much of the end is looked through for lines. */
const mostTailBytes = 1024 * 1024;
/** What is read at once. */
const mostReadBytes = 256 * 1024;
/** A line that never ends is cut here. */
const mostLineLength = 64 * 1024;
const pollMs = 200;

/**
 * The last lines of a log, then, where it is followed, those that come, until the signal aborts. A log that was rotated
 * or truncated is read from its begin; one that is not there yet is waited for.
 */
export async function* followLog(
  file: string,
  lines: number,
  isFollowing: boolean,
  signal: AbortSignal,
): AsyncGenerator<readonly string[], undefined> {
  const first = await readFrom(file, undefined, '');
  const tail = lines === 0 ? [] : first.lines.slice(-lines);
  if (tail.length > 0) yield tail;
  let { place, rest } = first;
  while (isFollowing && !signal.aborted) {
    const next = await readFrom(file, place, rest);
    ({ place, rest } = next);
    if (next.lines.length > 0) yield next.lines;
    else await pause(pollMs, undefined, { signal }).catch(() => undefined);
  }
}

/** A place in a file that may be replaced by another one of the same name. */
interface Place {
  readonly inode: number;
  readonly offset: number;
}

interface Piece {
  readonly lines: readonly string[];
  /** Of a line that has not ended. */
  readonly rest: string;
  readonly place: Place | undefined;
}

async function readFrom(file: string, place: Place | undefined, rest: string): Promise<Piece> {
  const log = openIfThere(file);
  if (log === undefined) return { lines: [], rest, place };
  try {
    const { size, ino: inode } = await stat(log);
    const isSame = place?.inode === inode && size >= place.offset;
    const begin = place === undefined ? Math.max(0, size - mostTailBytes) : isSame ? place.offset : 0;
    const most = place === undefined ? mostTailBytes : mostReadBytes;
    const buffer = Buffer.alloc(Math.min(size - begin, most));
    const { bytesRead } = await readPiece(log, buffer, 0, buffer.length, begin);
    // a line, and so a character, is only read when it is whole
    const end = endOfLine(buffer.subarray(0, bytesRead));
    const text = (isSame ? rest : '') + buffer.toString('utf8', 0, end);
    const parts = text.split('\n');
    const open = parts.pop() ?? '';
    return { lines: parts.map(cut), rest: open, place: { inode, offset: begin + end } };
  } finally {
    await closeLog(log);
  }
}

/** One that must not be read is not there: whoever asks is told before (`openLog`). */
function openIfThere(file: string): number | undefined {
  try {
    return openLog(file, 'read');
  } catch {
    return undefined;
  }
}

/** After the last line break, or all of it where one line is longer than a piece. */
function endOfLine(buffer: Buffer): number {
  const end = buffer.lastIndexOf(10) + 1;
  return end === 0 && buffer.length >= mostLineLength ? buffer.length : end;
}

function cut(line: string): string {
  return line.length > mostLineLength ? `${line.slice(0, mostLineLength)}…` : line;
}
