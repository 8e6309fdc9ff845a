/*
 * Loaded into a controller before it starts (`node --import`): it kills itself with SIGKILL at the effect that the
 * file names, `WHEN EFFECT`, once. Without that file it is like any other.
 */
import { subscribe } from 'node:diagnostics_channel';
import { readFileSync, rmSync } from 'node:fs';

const file = process.env['LAMEDUCK_TEST_DIE_FILE'] ?? '';

function wanted(): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

subscribe('lameduck:effect', (message) => {
  const { effect, when } = message as { effect: string; when: string };
  if (wanted() !== `${when} ${effect}`) return;
  rmSync(file);
  process.kill(process.pid, 'SIGKILL');
});
