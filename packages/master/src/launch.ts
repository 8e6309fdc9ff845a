import { LameduckError, type Succession } from '@lameduck/core';
import { readPassedSocket } from './systemd/listen-fds.ts';
import { type NotifySettings, readNotifySettings } from './systemd/notify-settings.ts';
import { type LaunchCommand, readLaunchCommand } from './upgrade/launch-command.ts';

/** What this process was given by whoever started it. */
export interface Launch {
  /** How to start it once more; without it there is no upgrade. */
  readonly command?: LaunchCommand | undefined;
  /** A listening socket that somebody else bound, in place of the configured address. */
  readonly socket?: { readonly fd: number } | undefined;
  /** LISTEN_FDS was for that process, so it was left alone. */
  readonly otherPid?: number | undefined;
  readonly notify?: NotifySettings | undefined;
  /** systemd counts on this process, and cannot be told that another is in its place. */
  readonly isUnnotifiable: boolean;
  /** An old master serves until this one does. */
  readonly succession?: Succession | undefined;
}

const variables = [
  'LAMEDUCK_UPGRADE',
  'LISTEN_FDNAMES',
  'LISTEN_FDS',
  'LISTEN_PID',
  'LISTEN_PIDFDID',
  'NOTIFY_SOCKET',
  'WATCHDOG_PID',
  'WATCHDOG_USEC',
] as const;

/**
 * Reads it, and takes the variables out of `process.env`: workers and what they start are not meant. Call it once,
 * at the start. Code: `config` for values that cannot be meant.
 */
export function takeLaunch(): Launch {
  const command = readLaunchCommand();
  const environment = Object.fromEntries(variables.map((name) => [name, process.env[name]]));
  for (const name of variables) delete process.env[name];
  const notify = readNotifySettings(environment, process.pid);
  const isUnnotifiable = notify === undefined && process.env.SYSTEMD_EXEC_PID === String(process.pid);
  const common = { command, notify, isUnnotifiable };
  const succession = readSuccession(environment.LAMEDUCK_UPGRADE);
  if (succession !== undefined) return { ...common, succession, socket: { fd: succession.fd } };
  const { fd, otherPid } = readPassedSocket(environment, process.pid);
  return { ...common, otherPid, socket: fd === undefined ? undefined : { fd } };
}

function readSuccession(text: string | undefined): Succession | undefined {
  if (text === undefined) return undefined;
  try {
    const value = JSON.parse(text) as Partial<Succession> | null;
    if (Number.isSafeInteger(value?.fd) && (value?.fd ?? 0) > 2) return value as Succession;
  } catch {
    // Told below.
  }
  throw new LameduckError(
    'config',
    `Cannot use the environment variable "LAMEDUCK_UPGRADE": what an old master writes was wanted: current value is ${text}`,
  );
}
