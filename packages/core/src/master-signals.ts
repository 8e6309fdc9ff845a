import { LameduckError } from './errors.ts';

/** The signals that a master obeys, as in Gunicorn, without their `SIG`. */
export const masterSignals = ['TERM', 'INT', 'QUIT', 'HUP', 'TTIN', 'TTOU', 'USR1', 'USR2', 'WINCH'] as const;

export type MasterSignal = `SIG${(typeof masterSignals)[number]}`;

/** `name` as `HUP`, `hup` or `SIGHUP`. Throws `usage` for any other. */
export function readMasterSignal(name: string): MasterSignal {
  const bare = name.toUpperCase().replace(/^SIG/, '');
  const known = masterSignals.find((signal) => signal === bare);
  if (known !== undefined) return `SIG${known}`;
  const message = `Cannot obey signal "${name}": one of ${masterSignals.join(', ')} was wanted`;
  throw new LameduckError('usage', message, { signal: name, names: masterSignals });
}
