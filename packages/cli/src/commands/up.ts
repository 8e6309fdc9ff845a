import { createRoutes, serveApi } from '@lameduck/controller';
import { formatMs, LameduckError } from '@lameduck/core';
import type { Command } from 'commander';
import { composeController } from '../compose.ts';
import { counted } from '../output/counted.ts';
import { createScreen, type Screen } from '../output/screen.ts';
import { createServiceLogger } from '../output/service-logger.ts';
import { formatStatus } from '../output/status-view.ts';
import { prepareControlFolder } from '../paths.ts';
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
interface StopSignals {
  readonly graceful: AbortSignal;
  readonly quick: AbortSignal;
}

async function runUp(service: Service, screen: Screen): Promise<void> {
  const { config, paths } = service;
  const stop = listenForStop(screen);
  const beganAt = performance.now();
  const logger = createServiceLogger(paths.log, screen);
  const controller = composeController(config, paths, logger);
  prepareControlFolder(paths);
  const api = await serveApi(createRoutes(controller), paths.controlSocket);
  try {
    const size = `${counted(config.nodes.length, 'node')}, ${counted(config.edges.length, 'edge')}`;
    screen.note(`starting "${config.service}": ${size}`);
    await controller.open(stop.graceful);
    const status = await controller.status();
    screen.note(`${formatStatus(status, screen)}\n`);
    announce(
      screen,
      status.edges.map((edge) => edge.listen),
      formatMs(performance.now() - beganAt),
    );
    await aborted(stop.graceful);
  } catch (error) {
    if (!stop.graceful.aborted) throw error;
  } finally {
    await controller.close(stop.quick).finally(() => api.close());
  }
  screen.note('stopped');
}

function listenForStop(screen: Screen): StopSignals {
  const graceful = new AbortController();
  const quick = new AbortController();
  const onSignal = (signal: NodeJS.Signals): void => {
    if (graceful.signal.aborted) {
      screen.note(`${signal} again: killing what is left`);
      quick.abort();
      return;
    }
    screen.note(`${signal}: stopping gracefully, once more kills`);
    graceful.abort(new LameduckError('notRunning', 'Cannot go on: a signal asked to stop'));
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
