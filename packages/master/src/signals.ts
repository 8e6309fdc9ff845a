import type { Logger } from 'pino';
import type { Master } from './master.ts';

/** `process`, or what stands for it in a test. */
export interface SignalSource {
  on(signal: NodeJS.Signals, listener: (signal: NodeJS.Signals) => void): unknown;
  off(signal: NodeJS.Signals, listener: (signal: NodeJS.Signals) => void): unknown;
}

type Action = (master: Master, logger: Logger) => void;

function refuse(_master: Master, logger: Logger): void {
  logger.warn('signal not supported yet');
}

function reload(master: Master, logger: Logger): void {
  master.reload().catch((error: Error) => logger.error({ reason: error.message }, 'reload failed'));
}

/** As in Gunicorn. Each has a listener, because Node's own answer to most of them is to die. */
const actions: Readonly<Partial<Record<NodeJS.Signals, Action>>> = {
  SIGTERM: (master) => master.stop('graceful'),
  SIGINT: (master) => master.stop('quick'),
  SIGQUIT: (master) => master.stop('quick'),
  SIGHUP: reload,
  SIGTTIN: (master) => master.scale(master.status().target + 1),
  SIGTTOU: (master) => master.scale(Math.max(1, master.status().target - 1)),
  SIGUSR1: refuse,
  SIGUSR2: refuse,
  // A resized terminal sends it too: no reason to warn.
  SIGWINCH: (_master, logger) => logger.debug('signal not supported yet'),
};

/** Makes a master obey signals; the returned function takes the listeners off again. */
export function obeySignals(master: Master, logger: Logger, source: SignalSource): () => void {
  const listener = (signal: NodeJS.Signals): void => {
    logger.info({ signal }, 'signal received');
    actions[signal]?.(master, logger.child({ signal }));
  };
  const signals = Object.keys(actions) as NodeJS.Signals[];
  for (const signal of signals) source.on(signal, listener);
  return () => {
    for (const signal of signals) source.off(signal, listener);
  };
}
