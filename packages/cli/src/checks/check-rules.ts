import { type Config, defaults, formatMs, type GunicornNodeConfig } from '@lameduck/core';
import { type Finding, warning } from './finding.ts';

/** Idle time of nginx's connections to the nodes: a server that closes sooner races with nginx for each POST. */
const edgeKeepAliveSeconds = 4;

/** What a valid configuration would still lose or refuse. */
export function checkRules(config: Config): readonly Finding[] {
  return [
    ...checkGuard(config),
    ...config.nodes.flatMap((node) => (node.kind === 'gunicorn' ? checkGunicorn(node, config) : [])),
  ];
}

function checkGuard({ nodes, availability }: Config): readonly Finding[] {
  const { minAvailable } = availability;
  if (nodes.length - 1 >= minAvailable) return [];
  const wanted = `availability.minAvailable is ${minAvailable} of ${nodes.length}`;
  return [
    warning(
      'config',
      `no node can ever be stopped or restarted: ${wanted}, so the guard refuses each of them`,
    ),
  ];
}

/** Our flags come first and the user's win: deadlines and keep-alive times that they break are named. */
function checkGunicorn(node: GunicornNodeConfig, config: Config): readonly Finding[] {
  const subject = `node ${node.name}`;
  const { timeoutGracefulShutdownMs } = config.shutdown;
  const graceful = secondsOf(node, '--graceful-timeout');
  const keepAlive = secondsOf(node, '--keep-alive');
  return [
    ...(graceful === undefined || graceful * 1000 <= timeoutGracefulShutdownMs
      ? []
      : [
          warning(
            subject,
            `--graceful-timeout ${graceful} is longer than timeoutGracefulShutdown (${formatMs(timeoutGracefulShutdownMs)}): workers would be killed with requests in hand`,
          ),
        ]),
    ...(keepAlive === undefined || keepAlive > edgeKeepAliveSeconds
      ? []
      : [
          warning(
            subject,
            `--keep-alive ${keepAlive} is not longer than nginx keeps its connections (${edgeKeepAliveSeconds} s): POSTs would meet connections that close`,
          ),
        ]),
  ];
}

/** How long each node keeps an idle connection, where it is one that we start with such a time. */
export function keepAliveTimes({ nodes }: Config): ReadonlyMap<string, number> {
  const times = new Map<string, number>();
  for (const node of nodes) {
    if (node.kind === 'app') times.set(node.name, defaults.keepAliveMs);
    if (node.kind !== 'gunicorn') continue;
    const seconds = secondsOf(node, '--keep-alive');
    times.set(node.name, seconds === undefined ? defaults.keepAliveMs : seconds * 1000);
  }
  return times;
}

function secondsOf(node: GunicornNodeConfig, flag: string): number | undefined {
  const words = node.arguments.flatMap((word) => word.split('='));
  const index = words.lastIndexOf(flag);
  const value = Number(words[index + 1]);
  return index < 0 || Number.isNaN(value) ? undefined : value;
}
