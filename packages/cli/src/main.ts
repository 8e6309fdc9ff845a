import { exitCodes, LameduckError, type OperationKind } from '@lameduck/core';
import { Command, CommanderError } from 'commander';
import { version } from './version.ts';

const exitCodeHelp = `
Exit codes:
  0 ok · 1 failed · 2 usage · 3 not running, or the application could not start · 4 no such node
  5 deadline passed (killed) · 6 refused by the availability guard
  7 nginx test or reload failed, rolled back · 8 done with --force, against the guard · 78 configuration`;

type AddCommand = (program: Command) => void;

/** Loaded only when asked for: `run` needs no controller, and nobody should wait for what he does not use. */
const commands: Readonly<Record<string, () => Promise<AddCommand>>> = {
  up: async () => (await import('./commands/up.ts')).addUp,
  metrics: async () => (await import('./commands/metrics.ts')).addMetrics,
  daemon: async () => (await import('./commands/daemon.ts')).addDaemon,
  status: async () => (await import('./commands/status.ts')).addStatus,
  ...operations('drain', 'ready', 'stop', 'start', 'restart'),
  rollout: async () => (await import('./commands/rollout.ts')).addRollout,
  pause: async () => (await import('./commands/pause.ts')).addPause,
  resume: async () => (await import('./commands/resume.ts')).addResume,
  check: async () => (await import('./commands/check.ts')).addCheck,
  init: async () => (await import('./commands/init.ts')).addInit,
  history: async () => (await import('./commands/history.ts')).addHistory,
  run: async () => (await import('./commands/run.ts')).addRun,
  ctl: async () => (await import('./commands/ctl.ts')).addCtl,
};

function operations(...kinds: readonly OperationKind[]): Record<string, () => Promise<AddCommand>> {
  const load = async (kind: OperationKind): Promise<AddCommand> => {
    const { addNodeOperation } = await import('./commands/node-operation.ts');
    return (program) => addNodeOperation(program, kind);
  };
  return Object.fromEntries(kinds.map((kind) => [kind, () => load(kind)]));
}

/** The program with the one command that is asked for, or with all of them where that is not clear. */
async function createProgram(asked: string | undefined): Promise<Command> {
  const program = new Command('lameduck')
    .description('Takes service nodes out of service and brings them back without losing one request')
    .version(version)
    .showHelpAfterError('(lameduck --help shows all commands)')
    .addHelpText('after', exitCodeHelp)
    .exitOverride();
  const one = asked !== undefined && Object.hasOwn(commands, asked) ? commands[asked] : undefined;
  for (const load of one === undefined ? Object.values(commands) : [one]) (await load())(program);
  for (const command of program.commands) command.exitOverride();
  return program;
}

/** Runs the command line to its end; every failure becomes one message and its documented exit code. */
async function main(argv: readonly string[]): Promise<void> {
  try {
    await (await createProgram(argv[2])).parseAsync(argv);
  } catch (error) {
    process.exitCode = report(error, argv.includes('--json'));
  }
}

function report(thrown: unknown, isJson: boolean): number {
  // commander has said what was wrong already; help and version are no failure
  if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? 0 : exitCodes.usage;
  const error = LameduckError.from(thrown);
  const { code, message, details } = error;
  if (isJson) process.stdout.write(`${JSON.stringify({ error: { code, message, details } })}\n`);
  else process.stderr.write(`lameduck: ${message}\n`);
  if (code === 'internal' && error.cause instanceof Error) process.stderr.write(`${error.cause.stack}\n`);
  return exitCodes[code];
}

await main(process.argv);
