import {
  type ErrorBody,
  type ErrorCode,
  formatMs,
  LameduckError,
  type MasterStatus,
  readMasterSignal,
} from '@lameduck/core';
import { type Command, InvalidArgumentError } from 'commander';
import { Client } from 'undici';
import { readCount } from '../arguments.ts';
import { createScreen, type Screen } from '../output/screen.ts';
import { formatTable } from '../output/table.ts';

interface CtlOptions {
  readonly control: string;
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
  withControl(ctl.command('scale <workers>'))
    .description('change the number of workers')
    .action((workers: string, options: CtlOptions) =>
      command(options, '/scale', { workers: readCount(workers) }, `scaled to ${workers}`),
    );
  withControl(ctl.command('stop'))
    .description('stop gracefully')
    .action((options: CtlOptions) => command(options, '/stop', {}, 'stopping'));
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
  const metrics = String(await ask(options.control, 'GET', '/metrics'));
  if (screen.isJson) screen.json({ metrics });
  else screen.print(metrics.trimEnd());
}

function withControl(command: Command): Command {
  return command
    .requiredOption('--control <path>', 'control socket of the master')
    .option('--json', 'one JSON document on stdout')
    .exitOverride();
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
  const answer = (await ask(options.control, 'POST', '/upgrade', body)) as { readonly pid: number };
  if (screen.isJson) screen.json(answer);
  else screen.print(`upgraded: the master is pid ${answer.pid} now`);
}

async function showWorkers(options: CtlOptions): Promise<void> {
  const screen = createScreen(options.json === true);
  const { workers } = (await ask(options.control, 'GET', '/status')) as MasterStatus;
  if (screen.isJson) screen.json({ workers });
  else screen.print(formatWorkers(workers));
}

async function showStatus(options: CtlOptions): Promise<void> {
  const screen = createScreen(options.json === true);
  const status = (await ask(options.control, 'GET', '/status')) as MasterStatus;
  if (screen.isJson) screen.json(status);
  else screen.print(formatMaster(status, screen));
}

async function command(options: CtlOptions, path: string, body: object, done: string): Promise<void> {
  const screen = createScreen(options.json === true);
  const answer = await ask(options.control, 'POST', path, body);
  if (screen.isJson) screen.json(answer);
  else screen.print(done);
}

async function ask(
  socketPath: string,
  method: 'GET' | 'POST',
  path: string,
  body?: object,
): Promise<unknown> {
  // a reload takes as long as the workers need
  const client = new Client('http://localhost', { socketPath, headersTimeout: 0, bodyTimeout: 0 });
  try {
    const headers = { 'content-type': 'application/json' };
    const request = { method, path, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) };
    const response = await client.request(request).catch((error: unknown) => {
      throw new LameduckError('notRunning', `Cannot reach a master on "${socketPath}": ${String(error)}`, {
        socketPath,
      });
    });
    const text = await response.body.text();
    const isText = String(response.headers['content-type']).startsWith('text/plain; version');
    const answer: unknown = text === '' ? {} : isText ? text : JSON.parse(text);
    if (response.statusCode < 400) return answer;
    const { code, message } = (answer as ErrorBody).error;
    throw new LameduckError(code as ErrorCode, message);
  } finally {
    await client.close();
  }
}

function formatMaster(status: MasterStatus, screen: Screen): string {
  const extra = [
    ...(status.isLameDuck === true ? ['lame duck'] : []),
    ...(status.upgrade === undefined ? [] : [`upgrade: ${status.upgrade}`]),
  ];
  const facts = [status.state, ...extra, `generation ${status.generation}`, `pid ${status.pid}`];
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
