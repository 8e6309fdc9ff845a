import { Writable } from 'node:stream';
import { styleText } from 'node:util';
import { type Logger, pino } from 'pino';

/** A logger on stderr: JSON lines for machines, short coloured lines on a terminal. */
export function createProcessLogger(): { readonly logger: Logger; flush(): void } {
  const options = { base: null, timestamp: pino.stdTimeFunctions.isoTime };
  if (process.stderr.isTTY) return { logger: pino(options, terminalLines()), flush: () => {} };
  // asynchronous: a reader of our stderr that has stopped reading must not stop the master
  const destination = pino.destination({ dest: 2, sync: false });
  return { logger: pino(options, destination), flush: () => destination.flushSync() };
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
