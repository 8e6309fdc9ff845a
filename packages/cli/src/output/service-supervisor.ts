import { LameduckError, type ServiceStatus } from '@lameduck/core';
import { Notifier, readNotifySettings } from '@lameduck/master/systemd';
import type { Logger } from 'pino';

/** Tells a supervisor (systemd) how a controller is doing; says nothing where nobody wants to know. */
export interface ServiceSupervisor {
  /** `ms`: how long it may take until it is ready. */
  starting(ms: number): void;
  ready(status: ServiceStatus): void;
  reloading(ms: number): void;
  /** `ms`: how long it may take until all is stopped. */
  stopping(ms: number): void;
  /** Resolves when all is told. */
  close(): Promise<void>;
}

/** What systemd puts into the environment of a service for that service alone. */
const ownVariables = [
  'NOTIFY_SOCKET',
  'WATCHDOG_USEC',
  'WATCHDOG_PID',
  'LISTEN_FDS',
  'LISTEN_PID',
  'LISTEN_FDNAMES',
];

/**
 * Reads who wants to be told from the environment, and takes it out of there: nodes that we start must not speak for
 * us. Throws `config`.
 */
export function superviseService(environment: NodeJS.ProcessEnv, logger: Logger): ServiceSupervisor {
  const settings = readNotifySettings(environment, process.pid);
  for (const name of ownVariables) delete environment[name];
  if (settings === undefined) return silent;
  const notifier = new Notifier({ socket: settings.socket, logger });
  const tell = (...assignments: readonly string[]): void => {
    // failures are in the log already
    notifier.send(assignments).catch(() => undefined);
  };
  // a loop that turns is all there is to prove: nodes and nginx do not depend on us
  const beat = (): void => {
    if (notifier.queued === 0) tell('WATCHDOG=1');
  };
  const watchdog =
    settings.watchdogMs === undefined ? undefined : setInterval(beat, settings.watchdogMs / 2).unref();
  return {
    starting: (ms) => tell(extend(ms), 'STATUS=starting'),
    ready: (status) => tell('READY=1', `STATUS=${summary(status)}`),
    reloading: (ms) => tell('RELOADING=1', `MONOTONIC_USEC=${process.hrtime.bigint() / 1000n}`, extend(ms)),
    stopping: (ms) => tell('STOPPING=1', extend(ms), 'STATUS=stopping'),
    async close() {
      clearInterval(watchdog);
      await notifier.flush();
    },
  };
}

const silent: ServiceSupervisor = {
  starting: () => undefined,
  ready: () => undefined,
  reloading: () => undefined,
  stopping: () => undefined,
  close: () => Promise.resolve(),
};

function summary({ service, nodes, edges }: ServiceStatus): string {
  const serving = nodes.filter(({ inRotation, state }) => inRotation && state === 'ready').length;
  return `${service}: ${serving} of ${nodes.length} nodes in rotation, ${edges.length} edges`;
}

function extend(ms: number): string {
  return `EXTEND_TIMEOUT_USEC=${Math.round(ms * 1000)}`;
}

/** What a stop, a start or a reload ends with where a signal asks for it. */
export function stopAsked(): LameduckError {
  return new LameduckError('notRunning', 'Cannot go on: a signal asked to stop');
}
