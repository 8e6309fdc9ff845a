import { readFileSync, statSync } from 'node:fs';

type Environment = Readonly<Record<string, string>>;

/** How this process was started, so that it can be started once more from what is on the disk then. */
export interface LaunchCommand {
  readonly file: string;
  readonly arguments: readonly string[];
  readonly directory: string;
  /** As at the start of the process: what `--env-file` or the program itself added is read anew. */
  readonly environment: Environment;
}

/** What belongs to one process only, and must not be passed on to its successor. */
const ownVariables: ReadonlySet<string> = new Set([
  'LAMEDUCK_UPGRADE',
  'LISTEN_FDNAMES',
  'LISTEN_FDS',
  'LISTEN_PID',
  'LISTEN_PIDFDID',
  'NODE_CHANNEL_FD',
  'NODE_CHANNEL_SERIALIZATION_MODE',
  'WATCHDOG_PID',
]);

/**
 * Reads it at the start, before anything is changed. Not `process.execPath`: symbolic links are resolved in it, so it
 * would name the old Node for ever; `argv0` is what the caller wrote, looked up once more. `PWD` for the same reason.
 */
export function readLaunchCommand(): LaunchCommand {
  const environment = firstEnvironment();
  return {
    file: process.argv0,
    arguments: [...process.execArgv, ...process.argv.slice(1)],
    directory: launchDirectory(environment.PWD),
    environment: Object.fromEntries(Object.entries(environment).filter(([name]) => !ownVariables.has(name))),
  };
}

function firstEnvironment(): Record<string, string> {
  try {
    const text = readFileSync('/proc/self/environ', 'utf8');
    const pairs = text.split('\0').filter((pair) => pair.indexOf('=') > 0);
    return Object.fromEntries(pairs.map((pair) => splitAt(pair, pair.indexOf('='))));
  } catch {
    const known = Object.entries(process.env).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, value] as const],
    );
    return Object.fromEntries(known);
  }
}

function splitAt(pair: string, index: number): [name: string, value: string] {
  return [pair.slice(0, index), pair.slice(index + 1)];
}

/** The working directory by the name it was entered by (`current` → `release-7`), as Gunicorn does. */
function launchDirectory(named: string | undefined): string {
  const real = process.cwd();
  if (named === undefined) return real;
  try {
    const [a, b] = [statSync(named), statSync(real)];
    return a.dev === b.dev && a.ino === b.ino ? named : real;
  } catch {
    return real;
  }
}
