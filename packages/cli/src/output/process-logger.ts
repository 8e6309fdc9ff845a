import { Writable } from 'node:stream';
import { setTimeout as wait } from 'node:timers/promises';
import { styleText } from 'node:util';
import { LameduckError } from '@lameduck/core';
import { type Logger, type LoggerOptions, pino } from 'pino';
import { LogFile } from './log-file.ts';
import { isTerminal } from './screen.ts';

/** A logger with its last words (`close`) and, where it writes to a file, a way to open that again (`reopen`). */
export interface ProcessLogger {
  readonly logger: Logger;
  /** Resolves when all is written, or false: a reader who is there and does not read, would be waited for in vain. */
  close(): Promise<boolean>;
  readonly reopen?: () => void;
}

const options: LoggerOptions = { base: null, timestamp: pino.stdTimeFunctions.isoTime };
/** So much waits for a reader who is slow; lines beyond are dropped, and that is told. */
const mostWaiting = 16 * 1024 * 1024;
/** At the end he is waited for so long. */
const lastMs = 1000;

/**
 * A logger on stderr: JSON lines for machines, short coloured lines on a terminal; or JSON lines in a file. Throws
 * `config` where the file cannot be written. Not pino's own destination: after a failed write its flush never returns.
 */
export function createProcessLogger(file?: string): ProcessLogger {
  if (file !== undefined) return createFileLogger(file);
  const logger = pino(options, isTerminal(process.stderr) ? terminalLines() : lines());
  return { logger, close: drained };
}

function createFileLogger(path: string): ProcessLogger {
  try {
    const file = new LogFile(path);
    return { logger: pino(options, file), close: () => Promise.resolve(true), reopen: () => file.reopen() };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const message = `Cannot write log "${path}": a file that can be written is wanted: current value is ${code}`;
    throw new LameduckError('config', message, { file: path }, error);
  }
}

/** A reader who has gone, or does not read, holds nobody up: on a pipe what he does not take waits in memory. */
function lines(): { write(line: string): void } {
  let dropped = 0;
  return {
    write(line) {
      if (process.stderr.writableLength > mostWaiting) {
        dropped += 1;
        return;
      }
      if (dropped > 0) {
        const time = new Date().toISOString();
        process.stderr.write(
          `${JSON.stringify({ level: 40, time, dropped, msg: 'log lines were dropped' })}\n`,
        );
        dropped = 0;
      }
      process.stderr.write(line);
    },
  };
}

async function drained(): Promise<boolean> {
  const written = new Promise<void>((resolve) => process.stderr.write('', () => resolve()));
  await Promise.race([written, wait(lastMs, undefined, { ref: false })]);
  return process.stderr.writableLength === 0;
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
