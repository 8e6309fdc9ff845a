import { readFileSync } from 'node:fs';
import { largestPool, type MasterSignal, readMasterSignal } from '@lameduck/core';
import type { Logger } from 'pino';
import type { Master } from './master.ts';

/** `process`, or what stands for it in a test. */
export interface SignalSource {
  on(signal: NodeJS.Signals, listener: (signal: NodeJS.Signals) => void): unknown;
  off(signal: NodeJS.Signals, listener: (signal: NodeJS.Signals) => void): unknown;
}

type Action = (master: Master, logger: Logger) => void;

function upgrade(master: Master, logger: Logger): void {
  master.upgrade().catch((error: Error) => logger.error({ reason: error.message }, 'upgrade failed'));
}

/** A resized terminal sends it too: it only counts where there is none. */
function pause(master: Master, logger: Logger): void {
  if (hasTerminal()) logger.debug('a terminal was resized');
  else master.pause();
}

function reload(master: Master, logger: Logger): void {
  master.reload().catch((error: Error) => logger.error({ reason: error.message }, 'reload failed'));
}

/** As in Gunicorn. Each has a listener, because Node's own answer to most of them is to die. */
const actions: Readonly<Record<MasterSignal, Action>> = {
  SIGTERM: (master) => master.leave(),
  SIGINT: (master) => master.stop('quick'),
  SIGQUIT: (master) => master.stop('quick'),
  SIGHUP: reload,
  SIGTTIN: (master) => master.scale(Math.min(largestPool, master.status().target + 1)),
  SIGTTOU: (master) => master.scale(Math.max(1, master.status().target - 1)),
  SIGUSR1: (master) => master.reopenLogs(),
  SIGUSR2: upgrade,
  SIGWINCH: pause,
};

/** What a signal does, without one. Throws `usage` for a name that is none of a master's. */
export function obeySignal(master: Master, logger: Logger, name: string): void {
  const signal = readMasterSignal(name);
  logger.info({ signal }, 'signal asked for');
  actions[signal](master, logger.child({ signal }));
}

/** Makes a master obey signals; the returned function takes the listeners off again. */
export function obeySignals(master: Master, logger: Logger, source: SignalSource): () => void {
  const listener = (signal: NodeJS.Signals): void => {
    logger.info({ signal }, 'signal received');
    actions[signal as MasterSignal](master, logger.child({ signal }));
  };
  const signals = Object.keys(actions) as MasterSignal[];
  for (const signal of signals) source.on(signal, listener);
  return () => {
    for (const signal of signals) source.off(signal, listener);
  };
}

/** Field 7 of /proc/self/stat: the controlling terminal, 0 for none. */
function hasTerminal(): boolean {
  try {
    const line = readFileSync('/proc/self/stat', 'utf8');
    return line.slice(line.lastIndexOf(')') + 2).split(' ')[4] !== '0';
  } catch {
    return process.stdin.isTTY || process.stdout.isTTY || process.stderr.isTTY;
  }
}
