import { type Address, formatAddress } from './address.ts';
import type { RunSettings, SettingName } from './run-settings-table.ts';
import { duration } from './setting-types.ts';

/** Workers give a sign of life each second; a shorter budget would kill healthy ones. */
const leastHeartbeatMs = 3000;
/** Behind the grace period the worker still has to name what it aborts, run its shutdown hooks and exit. */
const leastKillMarginMs = 500;

/** Who has set what: a flag, a variable, the settings file, or nobody. */
type OriginKinds = Readonly<Record<SettingName, { readonly kind: string }>>;
type Rule = (settings: RunSettings, origins: OriginKinds) => string | undefined;

function broken(name: keyof RunSettings, wanted: string, got: string): string {
  return `Cannot use setting "${name}": ${wanted} is wanted: current value is ${got}`;
}

/** What must hold between settings, each with its one message. Whoever adds a deadline adds its rule here. */
const rules: readonly Rule[] = [
  within('linger', 'which ends every connection,'),
  within('sessionTimeout', 'which ends every connection,'),
  ({ killMargin }) =>
    killMargin < leastKillMarginMs
      ? broken(
          'killMargin',
          `at least ${duration.show(leastKillMarginMs)}, in which shutdown hooks run after a deadline that has passed,`,
          duration.show(killMargin),
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
  // As a variable, a controller gives it to all its nodes.
  ({ controller, node }, origins) =>
    node !== undefined && controller === undefined && origins.node.kind !== 'environment'
      ? broken('node', 'controller beside it, whose node it is,', node)
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
  ({ bind, metricsBind }) =>
    metricsBind !== undefined && formatAddress(metricsBind) === formatAddress(bind) && !isAnyPort(bind)
      ? broken('metricsBind', 'another address than bind', formatAddress(bind))
      : undefined,
];

/** What is left for the drain: it begins with the end of the delay. */
export function drainMs({ preStopDelay, timeoutGracefulShutdown }: RunSettings): number {
  return preStopDelay < timeoutGracefulShutdown
    ? timeoutGracefulShutdown - preStopDelay
    : timeoutGracefulShutdown;
}

function within(name: 'linger' | 'sessionTimeout', why: string): Rule {
  return (settings) => {
    if (settings[name] <= drainMs(settings)) return undefined;
    const { preStopDelay, timeoutGracefulShutdown } = settings;
    const grace = `timeoutGracefulShutdown (${duration.show(timeoutGracefulShutdown)})`;
    const most =
      preStopDelay === 0
        ? grace
        : `${duration.show(drainMs(settings))}, what preStopDelay (${duration.show(preStopDelay)}) leaves of ${grace}`;
    return broken(name, `at most ${most}, ${why}`, duration.show(settings[name]));
  };
}

function isAnyPort(address: Address): boolean {
  return address.kind === 'tcp' && address.port === 0;
}

function isPrivate(address: Address): boolean {
  return address.kind === 'unix' || /^(localhost|127\.\d+\.\d+\.\d+|::1)$/.test(address.host);
}

/** Settings that contradict each other, one whole message each. */
export function deadlineProblems(settings: RunSettings, origins: OriginKinds): readonly string[] {
  return rules.flatMap((rule) => rule(settings, origins) ?? []);
}
