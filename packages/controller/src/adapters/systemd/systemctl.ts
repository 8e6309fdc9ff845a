import { execFile } from 'node:child_process';
import { LameduckError } from '@lameduck/core';
import { parseUnit, shownProperties, type Unit } from './unit.ts';

/** Which unit, of which service manager. */
export interface UnitPlace {
  /** Name of the node, for messages. */
  readonly node: string;
  readonly unit: string;
  /** The service manager of the user that we run as, not of the system. */
  readonly isUserUnit: boolean;
  /** Default: `systemctl`. */
  readonly systemctl?: string;
  /** Default: `journalctl`. */
  readonly journalctl?: string;
}

/** Every call is answered at once: whatever takes long is asked for with `--no-block`. */
const callMs = 15_000;

interface Outcome {
  readonly isOk: boolean;
  readonly stdout: string;
  readonly stderr: string;
}

/** What the service manager knows of the unit now. Throws `startFailed` where it cannot be asked. */
export async function showUnit(place: UnitPlace): Promise<Unit> {
  const properties = `--property=${shownProperties.join(',')}`;
  return parseUnit(await systemctl(place, 'show', properties, '--', place.unit));
}

/** Runs one verb on the unit. Throws `binaryMissing`, `startFailed` with what systemctl said. */
export async function systemctl(place: UnitPlace, ...words: readonly string[]): Promise<string> {
  const { node, systemctl: program = 'systemctl' } = place;
  const { isOk, stdout, stderr } = await call(place, program, ['--no-ask-password', '--no-pager', ...words]);
  if (isOk) return stdout;
  const message = `Cannot use unit "${place.unit}" of node "${node}": "systemctl ${words[0]}" must succeed: current value is ${stderr}`;
  throw new LameduckError('startFailed', message, { node, unit: place.unit, said: stderr });
}

/** The last lines that this run of the unit has written; none where the journal is not ours to read. */
export async function journalOf(
  place: UnitPlace,
  { InvocationID }: Pick<Unit, 'InvocationID'>,
): Promise<readonly string[]> {
  if (InvocationID === '') return [];
  const words = [
    '--no-pager',
    '--quiet',
    '--output=cat',
    '--lines=15',
    `_SYSTEMD_INVOCATION_ID=${InvocationID}`,
  ];
  const { isOk, stdout } = await call(place, place.journalctl ?? 'journalctl', words).catch(() => failedCall);
  return isOk ? stdout.split('\n').filter((line) => line.trim() !== '') : [];
}

const failedCall: Outcome = { isOk: false, stdout: '', stderr: '' };

function call(place: UnitPlace, program: string, words: readonly string[]): Promise<Outcome> {
  const options = { timeout: callMs, env: { ...process.env, LC_ALL: 'C.UTF-8', SYSTEMD_COLORS: '0' } };
  const manager = place.isUserUnit ? ['--user'] : [];
  return new Promise((resolve, reject) => {
    execFile(program, [...manager, ...words], options, (error, stdout, stderr) => {
      if (error !== null && error.code === 'ENOENT') reject(missing(place, program));
      const said = stderr.trim().replaceAll('\n', ' ');
      resolve({ isOk: error === null, stdout, stderr: said === '' ? (error?.message ?? '') : said });
    });
  });
}

function missing({ node }: UnitPlace, program: string): LameduckError {
  const message = `Cannot use node "${node}": the program ${program} must be installed: current value is not found`;
  return new LameduckError('binaryMissing', message, { node, program });
}
