import type { Controller } from '@lameduck/controller';
import { LameduckError } from '@lameduck/core';
import type { Command } from 'commander';
import { readChange } from '../config/read-change.ts';
import { createScreen, type Screen } from '../output/screen.ts';
import { createServiceLogger } from '../output/service-logger.ts';
import { superviseService } from '../output/service-supervisor.ts';
import { loadService, type Service, type ServiceOptions, withServiceOptions } from '../service.ts';
import { type ControllerRun, listenForStop, runController, startBudgetMs } from './up.ts';

/** `lameduck daemon` */
export function addDaemon(program: Command): void {
  withServiceOptions(program.command('daemon'))
    .description('run the controller alone, for nodes and nginx that something else starts and stops')
    .addHelpText(
      'after',
      '\nNodes that run are adopted, others are watched for. SIGTERM ends the controller and nothing else; SIGHUP reads the configuration again.',
    )
    .action(async (options: ServiceOptions) =>
      runDaemon(await loadService(options), createScreen(options.json === true)),
    );
}

/** Nothing is waited for but the note of what is left to the next one. */
const endBudgetMs = 10_000;

type Told = Pick<ControllerRun, 'screen' | 'logger' | 'supervisor'>;

async function runDaemon(service: Service, screen: Screen): Promise<void> {
  const stop = listenForStop(screen, 'ending; nodes and nginx go on');
  const logger = createServiceLogger(service.paths.log, screen);
  const supervisor = superviseService(process.env, logger);
  const reloads = new Reloads(service, { screen, logger, supervisor });
  const onHangUp = (): void => void reloads.ask();
  process.on('SIGHUP', onHangUp);
  stop.graceful.addEventListener('abort', () => supervisor.stopping(endBudgetMs), { once: true });
  const common = { screen, logger, supervisor, isOwner: false, quick: stop.quick };
  supervisor.starting(startBudgetMs(service.config));
  try {
    while (!stop.graceful.aborted) {
      const { until, onReady } = reloads.begin(stop.graceful);
      await runOnce(reloads, { ...common, until, onReady });
    }
    screen.note('ended; nodes and nginx go on');
  } finally {
    await supervisor.close();
    process.off('SIGHUP', onHangUp);
  }
}

/** A configuration that cannot be taken gives way to the one before; the first one has none. */
async function runOnce(reloads: Reloads, run: ControllerRun): Promise<void> {
  try {
    await runController(reloads.service, run);
  } catch (thrown) {
    if (!reloads.fallBack(LameduckError.from(thrown))) throw thrown;
  }
}

/**
 * A new configuration is taken by a new controller in this process: whatever it changes, it is as harmless as a
 * restart of the daemon.
 */
class Reloads {
  service: Service;
  readonly #tell: Told;
  #before: Service | undefined;
  #controller: Controller | undefined;
  #leave = new AbortController();

  constructor(service: Service, told: Told) {
    this.service = service;
    this.#tell = told;
  }

  /** For the controller that is about to begin: what ends it, and whom to tell that it is ready. */
  begin(stop: AbortSignal): Required<Pick<ControllerRun, 'until' | 'onReady'>> {
    this.#leave = new AbortController();
    const onReady = (controller: Controller): void => {
      this.#controller = controller;
      this.#before = undefined;
    };
    return { until: AbortSignal.any([stop, this.#leave.signal]), onReady };
  }

  /** SIGHUP. However it ends, the supervisor hears that it is over. */
  async ask(): Promise<void> {
    const controller = this.#controller;
    if (controller === undefined) return this.#say('not reloaded: the controller is not ready yet', {});
    this.#tell.supervisor.reloading(startBudgetMs(this.service.config));
    try {
      const { next, changed } = await readChange(this.service);
      if (changed.length > 0) refuseBusy(await busyNodes(controller));
      if (this.#controller !== controller) return;
      if (changed.length > 0) return this.#take(next, changed);
      this.#say('not reloaded: nothing has changed', {});
    } catch (thrown) {
      const { code, message } = LameduckError.from(thrown);
      this.#say(`not reloaded: ${message}`, { code });
    }
    const status = await controller.status().catch(() => undefined);
    if (status !== undefined) this.#tell.supervisor.ready(status);
  }

  #take(next: Service, changed: readonly string[]): void {
    this.#say(`reloading: ${changed.join(', ')}`, { changed });
    this.#controller = undefined;
    this.#before = this.service;
    this.service = next;
    this.#leave.abort(new LameduckError('notRunning', 'Cannot go on: the configuration is read again'));
  }

  /** Whether there is a configuration to go back to. */
  fallBack(error: LameduckError): boolean {
    if (this.#before === undefined) return false;
    this.service = this.#before;
    this.#before = undefined;
    this.#say(`not reloaded: ${error.message}; going on as before`, { code: error.code });
    return true;
  }

  #say(text: string, fields: object): void {
    this.#tell.logger.info(fields, `SIGHUP: ${text}`);
    this.#tell.screen.note(`SIGHUP: ${text}`);
  }
}

async function busyNodes(controller: Controller): Promise<readonly string[]> {
  const { nodes } = await controller.status();
  return nodes.flatMap(({ name, operation }) =>
    operation === undefined ? [] : [`${operation.kind} ${name}`],
  );
}

function refuseBusy(operations: readonly string[]): void {
  if (operations.length === 0) return;
  const message = `Cannot reload: no operation under way is wanted: current value is ${operations.join(', ')}`;
  throw new LameduckError('busy', message, { operations });
}
