import type { Controller } from '@lameduck/controller';
import { type Config, formatMs } from '@lameduck/core';
import type { Command } from 'commander';
import type { Logger } from 'pino';
import { composeController } from '../compose.ts';
import { counted } from '../output/counted.ts';
import { serveUnread } from '../output/guard-output.ts';
import { createScreen, type Screen } from '../output/screen.ts';
import { createServiceLogger } from '../output/service-logger.ts';
import { type ServiceSupervisor, stopAsked, superviseService } from '../output/service-supervisor.ts';
import { formatStatus } from '../output/status-view.ts';
import { prepareControlFolder } from '../paths.ts';
import { serveServiceApi } from '../serve-service-api.ts';
import { loadService, type Service, type ServiceOptions, withServiceOptions } from '../service.ts';

/** `lameduck up` */
export function addUp(program: Command): void {
  withServiceOptions(program.command('up'))
    .description('run edges, nodes and the controller until SIGTERM or Ctrl-C stops them gracefully')
    .action(async (options: ServiceOptions) =>
      runUp(await loadService(options), createScreen(options.json === true)),
    );
}

/** The first signal stops gracefully, the second at once. */
export interface StopSignals {
  readonly graceful: AbortSignal;
  readonly quick: AbortSignal;
}

/** How one controller runs, from its start to its end. */
export interface ControllerRun {
  readonly screen: Screen;
  readonly logger: Logger;
  readonly supervisor: ServiceSupervisor;
  /** Whether nodes and edges start and end with it. */
  readonly isOwner: boolean;
  /** Ends it gracefully. */
  readonly until: AbortSignal;
  readonly quick: AbortSignal;
  readonly onReady?: (controller: Controller) => void;
}

async function runUp(service: Service, screen: Screen): Promise<void> {
  const stop = listenForStop(screen, 'stopping gracefully, once more kills');
  const logger = createServiceLogger(service.paths.log, screen);
  const supervisor = superviseService(process.env, logger);
  const { graceful: until, quick } = stop;
  supervisor.starting(startBudgetMs(service.config));
  until.addEventListener('abort', () => supervisor.stopping(stopBudgetMs(service.config)), { once: true });
  try {
    await runController(service, { screen, logger, supervisor, isOwner: true, until, quick });
    screen.note('stopped');
  } finally {
    await supervisor.close();
  }
}

/** Runs the controller of a service with its API until the signal. */
export async function runController(service: Service, run: ControllerRun): Promise<void> {
  serveUnread();
  const { config, paths } = service;
  const { screen, supervisor, isOwner, until } = run;
  const beganAt = performance.now();
  const controller = composeController(config, paths, run.logger, isOwner);
  prepareControlFolder(paths);
  const api = await serveServiceApi(controller, config, paths, run.logger);
  try {
    const size = `${counted(config.nodes.length, 'node')}, ${counted(config.edges.length, 'edge')}`;
    screen.note(`${isOwner ? 'starting' : 'joining'} "${config.service}": ${size}`);
    await controller.open(until);
    const status = await controller.status();
    screen.note(`${formatStatus(status, screen)}\n`);
    supervisor.ready(status);
    announce(
      screen,
      status.edges.filter(({ state }) => state !== 'stopped').map(({ listen }) => listen),
      formatMs(performance.now() - beganAt),
    );
    run.onReady?.(controller);
    await aborted(until);
  } catch (error) {
    if (!until.aborted) throw error;
  } finally {
    await controller.close(run.quick).finally(() => api.close());
  }
}

/** The longest that a start may take: one operation is settled, and then the nodes come up. */
export function startBudgetMs({ shutdown, startup }: Config): number {
  return shutdown.drainTimeoutMs + stopBudgetMs({ shutdown }) + startup.timeoutMs;
}

/** Edges first, then all nodes at once, each with its own time. */
function stopBudgetMs({ shutdown }: Pick<Config, 'shutdown'>): number {
  const { timeoutGracefulShutdownMs, marginMs } = shutdown;
  return 2 * timeoutGracefulShutdownMs + marginMs + 5000;
}

/** `how` is told with the first signal. */
export function listenForStop(screen: Screen, how: string): StopSignals {
  const graceful = new AbortController();
  const quick = new AbortController();
  const onSignal = (signal: NodeJS.Signals): void => {
    if (graceful.signal.aborted) {
      screen.note(`${signal} again: killing what is left`);
      quick.abort();
      return;
    }
    screen.note(`${signal}: ${how}`);
    graceful.abort(stopAsked());
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
  return { graceful: graceful.signal, quick: quick.signal };
}

function announce(screen: Screen, listens: readonly (string | undefined)[], took: string): void {
  const urls = listens.filter((listen) => listen !== undefined).map((listen) => `http://${listen}`);
  screen.note(`up in ${took}`);
  if (screen.isJson) screen.json({ ready: urls });
  else screen.print(urls.length === 0 ? 'ready' : urls.map((url) => `ready ${url}`).join('\n'));
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  const { promise, resolve } = Promise.withResolvers<void>();
  signal.addEventListener('abort', () => resolve(), { once: true });
  return promise;
}
