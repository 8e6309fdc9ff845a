import { statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { type Address, formatAddress, LameduckError, type NearVariable, nearVariables } from '@lameduck/core';
import { type Launch, startMaster, takeLaunch } from '@lameduck/master';
import type { Command } from 'commander';
import { serveUnread } from '../output/guard-output.ts';
import { createProcessLogger } from '../output/process-logger.ts';
import { createScreen } from '../output/screen.ts';
import { type LoadedSettings, loadSettings } from '../run/load-settings.ts';
import { entryPath, masterOptions } from '../run/master-options.ts';
import { printSettings } from '../run/print-settings.ts';
import { addSettingFlags, pickFlags } from '../run/setting-flags.ts';
import { checkFolders } from '../run/watch-folders.ts';
import { watchAndReload } from '../run/watch-reload.ts';

interface RunOptions extends Readonly<Record<string, unknown>> {
  readonly settings?: string;
  readonly printConfig?: boolean;
  readonly checkConfig?: boolean;
  readonly json?: boolean;
}

/** `lameduck run ENTRY -w N -b HOST:PORT`: the master alone, like `gunicorn`. */
export function addRun(program: Command): void {
  const command = program
    .command('run [entry]')
    .description('serve an application with a master and workers, without nginx or controller')
    .option(
      '--settings <file>',
      'settings file; else lameduck.run.{yaml,json,ts,js,mjs} here, if there is one',
    )
    .option('--print-config', 'print each setting with its origin, and end')
    .option('--check-config', 'check all settings, and end: exit code 0 or 78')
    .option('--json', 'with --print-config: one JSON document on stdout');
  addSettingFlags(command);
  command.addHelpText('after', afterHelp).action(run);
}

const afterHelp = `
Settings come from: defaults < settings file < environment (LAMEDUCK_*, WEB_CONCURRENCY, PORT) < flags. See docs/settings.md.
Signals: TERM graceful stop · INT, QUIT quick stop · HUP rolling reload · USR2 upgrade of the master · USR1 reopen logs · TTIN, TTOU one worker more, less
The entry exports an application (default, or named app or handler): a node:http listener, Fastify, Express, Koa or fetch handler;
or it is a program that calls listen() itself: whatever address that names, it serves on --bind.`;

async function run(entry: string | undefined, options: RunOptions): Promise<void> {
  // first: settings are read from what is left of the environment
  const launch = takeLaunch();
  const given = pickFlags(options);
  const flags = entry === undefined ? given : { ...given, entry };
  const directory = launch.command?.directory ?? process.cwd();
  const loaded = await loadSettings({ flags, file: options.settings }, process.env, directory);
  const near = nearVariables(process.env);
  if (options.checkConfig === true) checkFiles(loaded, directory);
  if (options.printConfig === true) printSettings(loaded, createScreen(options.json === true));
  if (options.checkConfig === true || options.printConfig === true) {
    for (const variable of near) process.stderr.write(`lameduck: warning: ${describeNear(variable)}\n`);
    return;
  }
  await runApplication(loaded, { launch, directory, near });
}

/** The rest has been checked by reading it; packages of --import only their own Node finds. */
function checkFiles(loaded: LoadedSettings, directory: string): void {
  const { settings, resolvePath } = loaded;
  const imports = settings.import.filter((module) => /^\.{0,2}\//.test(module));
  for (const [name, file] of [
    ['run', entryPath(loaded)],
    ...imports.map((module) => ['import', resolve(directory, module)] as const),
    ...(['certfile', 'keyfile'] as const).flatMap((setting) => {
      const path = settings[setting];
      return path === undefined ? [] : [[`use ${setting}`, resolvePath(setting, path)] as const];
    }),
  ] as const) {
    const found = statSync(file, { throwIfNoEntry: false });
    if (found?.isFile() === true) continue;
    const got = found === undefined ? 'no such file' : 'no file';
    const message = `Cannot ${name} "${file}": an existing file is wanted: current value is ${got}`;
    throw new LameduckError('config', message, { file });
  }
  if (settings.reload) watchedFolders(loaded);
}

function describeNear({ name, meant }: NearVariable): string {
  return `environment variable "${name}" sets nothing; "${meant}" does`;
}

interface Surroundings {
  readonly launch: Launch;
  readonly directory: string;
  readonly near: readonly NearVariable[];
}

async function runApplication(
  loaded: LoadedSettings,
  { launch, directory, near }: Surroundings,
): Promise<void> {
  serveUnread();
  const { settings, resolvePath } = loaded;
  const file = settings.logFile === undefined ? undefined : resolvePath('logFile', settings.logFile);
  const log = createProcessLogger(file);
  const folders = settings.reload ? watchedFolders(loaded) : [];
  for (const variable of near) log.logger.warn(variable, 'unknown environment variable');
  const master = await startMaster({ ...masterOptions(loaded, log), launch, directory });
  const reload = (): Promise<number> => master.reload();
  const unwatch = settings.reload ? watchAndReload({ folders, reload, logger: log.logger }) : undefined;
  try {
    if (await master.ready)
      process.stdout.write(`ready ${urlOf(master.address, settings.certfile !== undefined)}\n`);
    process.exitCode = await master.ended;
  } finally {
    unwatch?.();
    await master.ended;
    // What waits for a reader who does not read would keep this process.
    if (!(await log.close())) process.exit();
  }
}

/** Those that are named, or the folder of the entry. Throws `config` for one that is not there. */
function watchedFolders(loaded: LoadedSettings): readonly string[] {
  const named = loaded.settings.reloadDir.map((folder) => loaded.resolvePath('reloadDir', folder));
  const folders = named.length > 0 ? named : [dirname(entryPath(loaded))];
  checkFolders(folders);
  return folders;
}

function urlOf(address: Address, isSecure: boolean): string {
  if (address.kind === 'unix') return formatAddress(address);
  return `${isSecure ? 'https' : 'http'}://${formatAddress(address)}`;
}
