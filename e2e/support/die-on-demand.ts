/*
 * Loaded into a controller before it starts (`node --import`): it kills itself with SIGKILL at the point that the file
 * names, once. Without that file it is like any other. A point is `WHEN EFFECT`, of an operation; or `before HUP`,
 * `after HUP`, `after write NAME`, where NAME is the end of the path of a file that has just been replaced.
 */
import { subscribe } from 'node:diagnostics_channel';
import { promises, readFileSync, rmSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

const file = process.env['LAMEDUCK_TEST_DIE_FILE'] ?? '';
const { kill } = process;

function wanted(): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

function dieAt(isThere: (point: string) => boolean): void {
  const point = wanted();
  if (point === undefined || !isThere(point)) return;
  rmSync(file);
  kill(process.pid, 'SIGKILL');
}

subscribe('lameduck:effect', (message) => {
  const { effect, when } = message as { effect: string; when: string };
  dieAt((point) => point === `${when} ${effect}`);
});

process.kill = (pid, signal) => {
  if (signal === 'SIGHUP') dieAt((point) => point === 'before HUP');
  const wasSent = kill(pid, signal);
  if (signal === 'SIGHUP') dieAt((point) => point === 'after HUP');
  return wasSent;
};

const { rename } = promises;
promises.rename = async (from, to) => {
  await rename(from, to);
  dieAt(
    (point) => point.startsWith('after write ') && String(to).endsWith(point.slice('after write '.length)),
  );
};
syncBuiltinESMExports();
