import type { PoolState } from '@lameduck/core';
import type { Logger } from 'pino';
import { Notifier } from './notifier.ts';
import type { NotifySettings } from './notify-settings.ts';
import {
  type Assignments,
  introductionOf,
  isAlive,
  messageOf,
  type SupervisedBudgets,
} from './pool-messages.ts';

/** Keeps a supervisor (systemd) informed about one master. */
export interface Supervised {
  /** Sees each transition of the pool. */
  observe(from: PoolState, to: PoolState): void;
  /** Starts to speak for the service, with the pool as it is. */
  speak(state: () => PoolState): void;
  /** Says nothing more: another master speaks for the service. */
  fallSilent(): void;
  /** Tells whose process the main one is; rejects where the supervisor could not be told. */
  announceMainPid(pid: number): Promise<void>;
  /** Ends the watchdog; resolves when all is told. */
  close(): Promise<void>;
}

/** Where nobody wants to be told. */
export const unsupervised: Supervised = {
  observe: () => undefined,
  speak: () => undefined,
  fallSilent: () => undefined,
  announceMainPid: () => Promise.resolve(),
  close: () => Promise.resolve(),
};

/** Tells systemd over its notification socket; silent until `speak`. */
export function superviseWithSystemd(
  settings: NotifySettings,
  budgets: SupervisedBudgets,
  logger: Logger,
): Supervised {
  const notifier = new Notifier({ socket: settings.socket, logger });
  let watchdog: NodeJS.Timeout | undefined;
  let isSpeaking = false;
  const tell = (assignments: Assignments): void => {
    // Failures are in the log already.
    if (assignments.length > 0) notifier.send(assignments).catch(() => undefined);
  };
  const fallSilent = (): void => {
    isSpeaking = false;
    clearInterval(watchdog);
  };
  return {
    observe: (from, to) => {
      if (isSpeaking) tell(messageOf(from, to, process.hrtime.bigint() / 1000n, budgets));
    },
    speak: (state) => {
      isSpeaking = true;
      tell(introductionOf(state(), budgets));
      if (settings.watchdogMs === undefined) return;
      const beat = (): void => {
        if (notifier.queued === 0 && isAlive(state())) tell(['WATCHDOG=1']);
      };
      watchdog = setInterval(beat, settings.watchdogMs / 2).unref();
    },
    fallSilent,
    announceMainPid: (pid) => notifier.send([`MAINPID=${pid}`]),
    close: async () => {
      fallSilent();
      await notifier.flush();
    },
  };
}
