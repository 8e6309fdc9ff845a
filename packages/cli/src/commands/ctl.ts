import { exitCodes, formatMs, largestPool, type MasterStatus, readMasterSignal } from '@lameduck/core';
import { type Command, InvalidArgumentError } from 'commander';
import { createScreen, type Screen } from '../output/screen.ts';
import { formatTable } from '../output/table.ts';
import { askMaster } from '../run/ask-master.ts';
import { findControlPath } from '../run/control-path.ts';
import { stopMaster } from '../run/stop-master.ts';

interface CtlOptions {
  readonly control?: string;
  readonly settings?: string;
  readonly json?: boolean;
}

/** `lameduck ctl status|workers|metrics|reload|upgrade|drain|ready|scale|stop|signal`: asks one master over its control socket. */
export function addCtl(program: Command): void {
  const ctl = program
    .command('ctl')
    .description('control one master started with "lameduck run --control PATH"');
  withControl(ctl.command('status')).description('show the workers').action(showStatus);
  withControl(ctl.command('reload'))
    .description(
      'replace all workers, new ones ready first; fails with the reason where they do not become ready',
    )
    .action((options: CtlOptions) => command(options, '/reload', {}, 'reloaded'));
  withControl(ctl.command('workers')).description('show only the workers').action(showWorkers);
  withControl(ctl.command('metrics'))
    .description("print all metrics in Prometheus' text format")
    .action(showMetrics);
  withControl(ctl.command('upgrade'))
    .description(
      'replace the master itself (new package, Node or environment) on the same socket; fails with the reason where the new one does not become ready',
    )
    .option('--env <name=value>', 'environment of the new master; may be repeated', collectVariable)
    .action(upgrade);
  withControl(ctl.command('drain'))
    .description('turn lame duck: readiness fails, everything is still served')
    .action((options: CtlOptions) => command(options, '/lame-duck', { isOn: true }, 'lame duck'));
  withControl(ctl.command('ready'))
    .description('end a drain: readiness follows the workers again')
    .action((options: CtlOptions) => command(options, '/lame-duck', { isOn: false }, 'ready'));
  withControl(ctl.command('scale'))
    .description('change the number of workers; fails with the reason where they do not become ready')
    .argument('<workers>', `how many, at most ${largestPool}`, readWorkers)
    .action(scale);
  withControl(ctl.command('stop'))
    .description('stop gracefully; ends when the master has, with its exit code')
    .option('--no-wait', 'end when the stop has begun')
    .action(stop);
  withControl(ctl.command('signal <name>'))
    .description(
      'do what a signal does (HUP, USR1, TTIN …) where none can be sent; does not wait for its end',
    )
    .action((name: string, options: CtlOptions) =>
      command(options, '/signal', { signal: readMasterSignal(name) }, `obeying ${name}`),
    );
}

async function showMetrics(options: CtlOptions): Promise<void> {
  const screen = createScreen(options.json === true);
  const metrics = String(await ask(options, 'GET', '/metrics'));
  if (screen.isJson) screen.json({ metrics });
  else screen.print(metrics.trimEnd());
}

function withControl(command: Command): Command {
  return command
    .option(
      '--control <path>',
      'control socket of the master; else LAMEDUCK_CONTROL, or of the settings file',
    )
    .option('--settings <file>', 'settings file that names it; else lameduck.run.* here')
    .option('--json', 'one JSON document on stdout')
    .exitOverride();
}

function readWorkers(text: string): number {
  const workers = Number(text);
  if (/^\d+$/.test(text) && workers >= 1 && workers <= largestPool) return workers;
  throw new InvalidArgumentError(`a whole number from 1 to ${largestPool} is wanted.`);
}

async function scale(workers: number, options: CtlOptions): Promise<void> {
  const screen = createScreen(options.json === true);
  const status = (await ask(options, 'POST', '/scale', { workers })) as MasterStatus;
  const leaving = status.workers.filter(({ state }) => state === 'draining').length;
  if (screen.isJson) screen.json(status);
  else screen.print(`scaled to ${workers}${leaving === 0 ? '' : `; ${leaving} leaving`}`);
}

interface StopOptions extends CtlOptions {
  readonly wait: boolean;
}

async function stop(options: StopOptions): Promise<void> {
  if (!options.wait) {
    await command(options, '/stop', {}, 'stopping');
    return;
  }
  const screen = createScreen(options.json === true);
  const end = await stopMaster(await controlPath(options));
  if (screen.isJson) screen.json(end);
  else screen.print(describeEnd(end.code));
  process.exitCode = end.code ?? 0;
}

function describeEnd(code: number | undefined): string {
  if (code === undefined || code === 0) return 'stopped';
  if (code === exitCodes.deadlinePassed)
    return 'stopped; something outlived its deadline, which the log names';
  return `stopped, exit code ${code}`;
}

interface UpgradeOptions extends CtlOptions {
  readonly env?: Readonly<Record<string, string>>;
}

function collectVariable(
  text: string,
  before: Readonly<Record<string, string>> = {},
): Readonly<Record<string, string>> {
  const [, name, value] = /^([A-Za-z_]\w*)=(.*)$/s.exec(text) ?? [];
  if (name === undefined || value === undefined) throw new InvalidArgumentError('NAME=VALUE is wanted.');
  return { ...before, [name]: value };
}

async function upgrade(options: UpgradeOptions): Promise<void> {
  const screen = createScreen(options.json === true);
  const body = options.env === undefined ? {} : { environment: options.env };
  const answer = (await ask(options, 'POST', '/upgrade', body)) as { readonly pid: number };
  if (screen.isJson) screen.json(answer);
  else screen.print(`upgraded: the master is pid ${answer.pid} now`);
}

async function showWorkers(options: CtlOptions): Promise<void> {
  const screen = createScreen(options.json === true);
  const { workers } = (await ask(options, 'GET', '/status')) as MasterStatus;
  if (screen.isJson) screen.json({ workers });
  else screen.print(formatWorkers(workers));
}

async function showStatus(options: CtlOptions): Promise<void> {
  const screen = createScreen(options.json === true);
  const status = (await ask(options, 'GET', '/status')) as MasterStatus;
  if (screen.isJson) screen.json(status);
  else screen.print(formatMaster(status, screen));
}

async function command(options: CtlOptions, path: string, body: object, done: string): Promise<void> {
  const screen = createScreen(options.json === true);
  const answer = await ask(options, 'POST', path, body);
  if (screen.isJson) screen.json(answer);
  else screen.print(done);
}

/** Asks the master that the options, the environment or the settings file name. */
async function ask(
  options: CtlOptions,
  method: 'GET' | 'POST',
  path: string,
  body?: object,
): Promise<unknown> {
  return askMaster(await controlPath(options), method, path, body);
}

function controlPath({ control: flag, settings: file }: CtlOptions): Promise<string> {
  return findControlPath({ flag, file, environment: process.env, directory: process.cwd() });
}

function formatMaster(status: MasterStatus, screen: Screen): string {
  const extra = [
    ...(status.isLameDuck === true ? ['lame duck'] : []),
    ...(status.upgrade === undefined ? [] : [`upgrade: ${status.upgrade}`]),
  ];
  const state = status.state === 'paused' ? 'paused (HUP or "scale" brings workers back)' : status.state;
  const facts = [state, ...extra, `generation ${status.generation}`, `pid ${status.pid}`];
  return `${screen.paint('bold', status.address)}  ${facts.join(', ')}\n\n${formatWorkers(status.workers)}`;
}

function formatWorkers(workers: MasterStatus['workers']): string {
  const rows = workers.map((worker) => [
    String(worker.pid),
    worker.state,
    String(worker.generation),
    String(worker.inFlight),
    String(worker.open),
    String(worker.idle),
    `${Math.round(worker.rssBytes / 1_048_576)} MiB`,
    `${worker.loopLagMs} ms`,
    formatMs(worker.ageMs),
  ]);
  const head = ['PID', 'STATE', 'GENERATION', 'IN FLIGHT', 'OPEN', 'IDLE', 'MEMORY', 'LOOP LAG', 'AGE'];
  return formatTable([head, ...rows]);
}
