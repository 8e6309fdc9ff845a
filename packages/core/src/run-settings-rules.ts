import type { Address } from './address.ts';
import type { RunSettings } from './run-settings-table.ts';
import { duration } from './setting-types.ts';

/** Workers give a sign of life each second; a shorter budget would kill healthy ones. */
const leastHeartbeatMs = 3000;

type Rule = (settings: RunSettings) => string | undefined;

function broken(name: keyof RunSettings, wanted: string, got: string): string {
  return `Cannot use setting "${name}": ${wanted} is wanted: current value is ${got}`;
}

/** What must hold between settings, each with its one message. Whoever adds a deadline adds its rule here. */
const rules: readonly Rule[] = [
  ({ linger, timeoutGracefulShutdown }) =>
    linger > timeoutGracefulShutdown
      ? broken(
          'linger',
          `at most timeoutGracefulShutdown (${duration.show(timeoutGracefulShutdown)}), which ends every connection,`,
          duration.show(linger),
        )
      : undefined,
  ({ preStopDelay, timeoutGracefulShutdown }) =>
    preStopDelay > 0 && preStopDelay >= timeoutGracefulShutdown
      ? broken(
          'preStopDelay',
          `less than timeoutGracefulShutdown (${duration.show(timeoutGracefulShutdown)}), which it is a part of,`,
          duration.show(preStopDelay),
        )
      : undefined,
  ({ controller, node }) =>
    controller !== undefined && node === undefined
      ? broken('controller', 'node beside it, its name there,', controller)
      : undefined,
  ({ certfile, keyfile }) =>
    (certfile === undefined) === (keyfile === undefined)
      ? undefined
      : broken(certfile === undefined ? 'certfile' : 'keyfile', 'the other file of the pair', 'none'),
  ({ heartbeatTimeout }) =>
    heartbeatTimeout < leastHeartbeatMs
      ? broken(
          'heartbeatTimeout',
          `at least ${duration.show(leastHeartbeatMs)}`,
          duration.show(heartbeatTimeout),
        )
      : undefined,
  ({ timeoutGracefulShutdown }) =>
    timeoutGracefulShutdown === 0 ? broken('timeoutGracefulShutdown', 'more than 0', '0s') : undefined,
  ({ readyTimeout }) => (readyTimeout === 0 ? broken('readyTimeout', 'more than 0', '0s') : undefined),
  ({ maxRequests, maxRequestsJitter }) =>
    maxRequestsJitter > 0 && maxRequests === 0
      ? broken('maxRequestsJitter', 'maxRequests beside it', `${maxRequestsJitter} without one`)
      : undefined,
  ({ reload, reloadDir }) =>
    reloadDir.length > 0 && !reload
      ? broken('reloadDir', 'reload beside it', reloadDir.join(','))
      : undefined,
  ({ metricsBind, metricsToken }) =>
    metricsBind !== undefined && metricsToken === undefined && !isPrivate(metricsBind)
      ? broken(
          'metricsBind',
          'a loopback address, a unix socket or metricsToken beside it',
          metricsBind.kind === 'tcp' ? metricsBind.host : '',
        )
      : undefined,
];

function isPrivate(address: Address): boolean {
  return address.kind === 'unix' || /^(localhost|127\.\d+\.\d+\.\d+|::1)$/.test(address.host);
}

/** Settings that contradict each other, one whole message each. */
export function deadlineProblems(settings: RunSettings): readonly string[] {
  return rules.flatMap((rule) => rule(settings) ?? []);
}
