import { closeSync, openSync } from 'node:fs';
import { Writable } from 'node:stream';
import { styleText } from 'node:util';
import { LameduckError } from '@lameduck/core';
import { type Logger, type LoggerOptions, pino } from 'pino';

/** A logger with its last words (`flush`) and, where it writes to a file, a way to open that again (`reopen`). */
export interface ProcessLogger {
  readonly logger: Logger;
  flush(): void;
  readonly reopen?: () => void;
}

/**
 * A logger on stderr: JSON lines for machines, short coloured lines on a terminal; or JSON lines in a file. Throws
 * `config` where the file cannot be written.
 */
export function createProcessLogger(file?: string): ProcessLogger {
  const options = { base: null, timestamp: pino.stdTimeFunctions.isoTime };
  if (file !== undefined) return createFileLogger(options, file);
  if (process.stderr.isTTY) return { logger: pino(options, terminalLines()), flush: () => {} };
  // asynchronous: a reader of our stderr that has stopped reading must not stop the master
  const destination = pino.destination({ dest: 2, sync: false });
  return { logger: pino(options, destination), flush: () => destination.flushSync() };
}

function createFileLogger(options: LoggerOptions, file: string): ProcessLogger {
  try {
    // the destination itself tells of a file that cannot be opened only later, as an event
    closeSync(openSync(file, 'a'));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const message = `Cannot write log "${file}": a file that can be written is wanted: current value is ${code}`;
    throw new LameduckError('config', message, { file }, error);
  }
  const destination = pino.destination({ dest: file, sync: true });
  // a full disk must not end the master; each line is tried again with the next
  destination.on('error', () => undefined);
  return {
    logger: pino(options, destination),
    flush: () => destination.flushSync(),
    reopen: () => destination.reopen(),
  };
}

const levels: Readonly<Record<number, ['blue' | 'yellow' | 'red' | 'gray', string]>> = {
  20: ['gray', 'debug'],
  30: ['blue', 'info'],
  40: ['yellow', 'warn'],
  50: ['red', 'error'],
};

function terminalLines(): Writable {
  return new Writable({
    write(chunk: Buffer, _encoding, done) {
      const { level, time, msg, ...fields } = JSON.parse(chunk.toString()) as Record<string, unknown>;
      const [colour, name] = levels[Number(level)] ?? ['red', 'fatal'];
      const values = Object.entries(fields).map(([key, value]) => `${key}=${show(value)}`);
      const clock = styleText('gray', String(time).slice(11, 23), { stream: process.stderr });
      const label = styleText(colour, name.padEnd(5), { stream: process.stderr });
      process.stderr.write(`${clock} ${label} ${msg} ${values.join(' ')}\n`);
      done();
    },
  });
}

function show(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
