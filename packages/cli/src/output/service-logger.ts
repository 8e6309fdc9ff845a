import { dirname } from 'node:path';
import { Writable } from 'node:stream';
import { makeFolder } from '@lameduck/controller';
import { formatMs } from '@lameduck/core';
import { type Logger, multistream, pino } from 'pino';
import { LogFile } from './log-file.ts';
import type { Screen } from './screen.ts';

/**
 * Everything goes to the log file as JSON lines; what somebody in front of `up` wants to know goes to stderr too.
 * The file is written at once: a controller that is killed has lost no line. A full disk
 * loses lines at most: whoever logs must not fail for it.
 */
export function createServiceLogger(file: string, screen: Screen): Logger {
  makeFolder(dirname(file));
  return pino(
    { base: null, timestamp: pino.stdTimeFunctions.isoTime },
    multistream([{ stream: new LogFile(file) }, { stream: humanLines(screen) }]),
  );
}

type Line = Record<string, unknown> & { readonly msg: string };

const shown: Readonly<Record<string, (line: Line) => string>> = {
  'health changed': (line) => `health ${line['from']} to ${line['to']} (${line['check']})`,
  'node isolated': (line) => `isolated: ${line['reason']}`,
  'node back in rotation': () => 'back in rotation',
  'node died': (line) => `died (pid ${line['pid']})`,
  'node will be started again': (line) => `will be started again in ${formatMs(Number(line['delayMs']))}`,
  'node killed': (line) => `killed (pids ${line['pids']})`,
  'node not started': (line) => `not started: ${line['reason']}`,
  'isolation failed': (line) => `${line['change']} failed: ${line['reason']}`,
  'edge not started': (line) => `not started: ${line['reason']}`,
  'edge runs again': () => 'runs again',
  'edge follows again': (line) => `edge ${line['edge']} follows again`,
  'gunicorn was reloaded': (line) =>
    `was reloaded by somebody else (SIGHUP or gunicornc, ${line['reloads']} since its start)`,
  'gunicorn was scaled': (line) =>
    `wants ${line['to']} workers now, ${line['from']} before (SIGTTIN, SIGTTOU or gunicornc)`,
  'operation ended': (line) =>
    `${line['operation']}: ${line['result']} after ${formatMs(Number(line['ms']))}`,
};

function humanLines(screen: Screen): Writable {
  return new Writable({
    write(chunk: Buffer, _encoding, done) {
      const line = JSON.parse(chunk.toString()) as Line;
      const describe = shown[line.msg];
      if (describe !== undefined) {
        const time = String(line['time']).slice(11, 19);
        screen.note(`${time} ${line['node'] ?? line['edge'] ?? ''} ${describe(line)}`);
      }
      done();
    },
  });
}
