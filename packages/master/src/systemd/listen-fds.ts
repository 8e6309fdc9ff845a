import { LameduckError } from '@lameduck/core';

type Environment = Readonly<Record<string, string | undefined>>;

/** The first descriptor that a supervisor passes; fixed by sd_listen_fds(3). */
const firstFd = 3;

/** What the supervisor's variables say about sockets. */
export interface PassedSocket {
  /** The listening socket that is for us; none was passed without it. */
  readonly fd?: number;
  /** The variables are for that process: somebody between passed them on. */
  readonly otherPid?: number;
}

/**
 * Reads LISTEN_FDS, LISTEN_PID and LISTEN_FDNAMES as sd_listen_fds(3) does. Of several sockets the one named
 * `lameduck` is taken. Code: `config` for values that cannot be meant.
 */
export function readPassedSocket(environment: Environment, pid: number): PassedSocket {
  const { LISTEN_FDS: count, LISTEN_PID: owner, LISTEN_FDNAMES: names } = environment;
  if (count === undefined && owner === undefined) return {};
  if (count === undefined) throw wrong('LISTEN_FDS', 'the number of sockets', 'unset');
  if (owner === undefined) throw wrong('LISTEN_PID', 'the pid that the sockets are for', 'unset');
  const sockets = readNumber('LISTEN_FDS', count);
  const ownerPid = readNumber('LISTEN_PID', owner);
  if (ownerPid !== pid) return { otherPid: ownerPid };
  if (sockets === 0) return {};
  return { fd: firstFd + chooseSocket(sockets, names) };
}

function readNumber(name: string, text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw wrong(name, 'a whole number', JSON.stringify(text));
  return Number(text);
}

function chooseSocket(sockets: number, names: string | undefined): number {
  if (sockets === 1) return 0;
  const all = (names ?? '').split(':');
  const chosen = all.indexOf('lameduck');
  if (chosen >= 0 && chosen < sockets && all.lastIndexOf('lameduck') === chosen) return chosen;
  const got = names === undefined ? `${sockets} without names` : `${sockets} named ${JSON.stringify(names)}`;
  throw wrong('LISTEN_FDS', 'one socket, or one with FileDescriptorName=lameduck', got);
}

function wrong(name: string, wanted: string, got: string): LameduckError {
  return new LameduckError(
    'config',
    `Cannot use the environment variable "${name}": ${wanted} was wanted: current value is ${got}`,
    { variable: name },
  );
}
