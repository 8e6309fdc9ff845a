import { basename, dirname, resolve } from 'node:path';
import { LameduckError } from '@lameduck/core';
import type { Command } from 'commander';
import { composeDraft, type NewConfig } from '../init/compose-draft.ts';
import type { Draft } from '../init/draft.ts';
import { renderExample } from '../init/example.ts';
import { writeNewFile } from '../init/write-new-file.ts';
import { createScreen } from '../output/screen.ts';

interface InitOptions {
  readonly nginx?: string;
  readonly upstream?: string;
  readonly pm2?: string;
  readonly gunicorn?: string;
  readonly app?: string;
  readonly output: string;
  readonly force?: boolean;
  readonly json?: boolean;
}

const examples = `
Examples:
  lameduck init                                            a small example with comments
  lameduck init --nginx /etc/nginx/nginx.conf              nodes from its one upstream
  lameduck init --nginx nginx.conf --upstream shop --gunicorn gunicorn.conf.py
  lameduck init --pm2 ecosystem.config.js -o -             only show it

PM2's and Gunicorn's files are programs: they are evaluated, in a process of their own.
nginx's files are only read. Nothing is started, and no file but FILE is written.`;

/** `lameduck init` */
export function addInit(program: Command): void {
  program
    .command('init')
    .description('write a configuration from an existing nginx, PM2 or Gunicorn, or an example')
    .option(
      '--nginx <file>',
      'main file of your nginx: becomes the edge, the servers of an upstream the nodes',
    )
    .option('--upstream <name>', 'the upstream, where nginx has several')
    .option('--pm2 <file>', 'ecosystem.config.js, .json or .yaml: its app becomes the nodes')
    .option('--gunicorn <file>', 'gunicorn.conf.py: becomes a node')
    .option('--app <name>', "PM2's app, where there are several; Gunicorn's application, MODULE:VARIABLE")
    .option('-o, --output <file>', 'file to write; - is standard output', 'lameduck.yaml')
    .option('--force', 'replace the file if it is there')
    .option('--json', 'one JSON document on stdout, the rest to stderr')
    .addHelpText('after', examples)
    .action(runInit);
}

async function runInit(options: InitOptions): Promise<void> {
  refuseConflicts(options);
  const screen = createScreen(options.json === true);
  const isStdout = options.output === '-';
  const path = isStdout ? undefined : resolve(options.output);
  const result = await createConfig(options, dirname(path ?? resolve('lameduck.yaml')));
  if (path !== undefined) {
    writeNewFile(path, result.text, { force: options.force === true, isPrivate: result.isPrivate });
  }
  const named = path === undefined || basename(path) === 'lameduck.yaml' ? '' : ` --config ${options.output}`;
  const steps = [...result.steps, `lameduck check${named}`, `lameduck up${named}`, ...result.later];
  if (screen.isJson) {
    screen.json({
      ...(path === undefined ? {} : { file: path }),
      text: result.text,
      notes: result.notes,
      next: steps,
    });
    return;
  }
  if (path === undefined) screen.print(result.text.trimEnd());
  else screen.note(`wrote ${path}`);
  for (const note of result.notes) screen.note(`not carried over: ${note}`);
  for (const hint of result.hints) screen.note(hint);
  screen.note(['next:', ...steps.map((step, index) => `  ${index + 1}. ${step}`)].join('\n'));
}

function refuseConflicts({ nginx, upstream, pm2, gunicorn, app, output, json }: InitOptions): void {
  const problems = [
    pm2 !== undefined && gunicorn !== undefined
      ? '--pm2 and --gunicorn are two ways to run a node: one of them'
      : '',
    upstream !== undefined && nginx === undefined ? '--upstream NAME is of nginx: --nginx FILE as well' : '',
    app !== undefined && pm2 === undefined && gunicorn === undefined
      ? '--app NAME is of --pm2 or --gunicorn: one of them as well'
      : '',
    output === '-' && json === true ? '--json and -o - both write to stdout: one of them' : '',
  ];
  const problem = problems.find((one) => one !== '');
  if (problem === undefined) return;
  throw new LameduckError('usage', `Cannot run "init": ${problem} is wanted`);
}

async function createConfig(options: InitOptions, folder: string): Promise<NewConfig> {
  const { nginx, pm2, gunicorn } = options;
  const runtime = await runtimeDraft(options, folder);
  const edge = nginx === undefined ? undefined : await nginxDraft(nginx, options.upstream, runtime, folder);
  if (edge === undefined && runtime === undefined)
    return { ...renderExample(folder), isPrivate: false, notes: [], hints: [], later: [] };
  const sources = [nginx, pm2, gunicorn].filter((file) => file !== undefined);
  return composeDraft(sources.join(' and '), edge, runtime);
}

async function nginxDraft(
  file: string,
  upstream: string | undefined,
  runtime: Draft | undefined,
  folder: string,
): Promise<Draft> {
  const { readNginx } = await import('../init/from-nginx.ts');
  const draft = readNginx(file, upstream);
  if (runtime !== undefined) return draft;
  return await (await import('../init/running-servers.ts')).fillFromRunning(draft, folder);
}

async function runtimeDraft({ pm2, gunicorn, app }: InitOptions, folder: string): Promise<Draft | undefined> {
  if (pm2 !== undefined) return await (await import('../init/from-pm2.ts')).readPm2(pm2, app, folder);
  if (gunicorn === undefined) return undefined;
  return await (await import('../init/from-gunicorn.ts')).readGunicorn(gunicorn, app, folder);
}
