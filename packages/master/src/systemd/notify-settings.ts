import { LameduckError } from '@lameduck/core';

/** What the supervisor wants to be told, from its environment variables. */
export interface NotifySettings {
  /** Address of the notification socket, as sd_notify(3) has it. */
  readonly socket: string;
  /** Longest silence; the watchdog is off without it. */
  readonly watchdogMs?: number;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** The longest a timer can wait in Node. */
const maxTimerMs = 2 ** 31 - 1;

/**
 * Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID; `undefined` where nobody wants to be told. Code: `config` for
 * values that cannot be meant, also of a watchdog that nobody could be told of.
 */
export function readNotifySettings(environment: Environment, pid: number): NotifySettings | undefined {
  const { NOTIFY_SOCKET: socket, WATCHDOG_USEC: usec, WATCHDOG_PID: watched } = environment;
  const isWatched = usec !== undefined && (watched === undefined || watched === String(pid));
  if (isWatched && !/^[1-9]\d{3,15}$/.test(usec))
    throw wrong('WATCHDOG_USEC', 'microseconds from 1000', usec);
  if (socket === undefined || socket === '') return undefined;
  if (!/^[/@]./.test(socket)) throw wrong('NOTIFY_SOCKET', 'an absolute path, or @ and a name', socket);
  return isWatched ? { socket, watchdogMs: Math.min(maxTimerMs, Number(usec) / 1000) } : { socket };
}

function wrong(name: string, wanted: string, got: string): LameduckError {
  return new LameduckError(
    'config',
    `Cannot use the environment variable "${name}": ${wanted} was wanted: current value is ${JSON.stringify(got)}`,
    { variable: name },
  );
}
