import { type OperationKind, operationKinds } from '@lameduck/core';
import { Command } from 'commander';
import { version } from './version.ts';

/** The end of `--help`. */
export const exitCodeHelp: string = `
Exit codes:
  0 ok · 1 failed · 2 usage · 3 not running, or the application could not start · 4 no such node
  5 deadline passed (killed) · 6 refused by the availability guard
  7 nginx test or reload failed, rolled back · 8 done with --force, against the guard · 78 configuration`;

type AddCommand = (program: Command) => void;

/** Loaded only when asked for: `run` needs no controller, and nobody should wait for what he does not use. */
const commands: Readonly<Record<string, () => Promise<AddCommand>>> = {
  up: async () => (await import('./commands/up.ts')).addUp,
  daemon: async () => (await import('./commands/daemon.ts')).addDaemon,
  status: async () => (await import('./commands/status.ts')).addStatus,
  top: async () => (await import('./commands/top.ts')).addTop,
  events: async () => (await import('./commands/events.ts')).addEvents,
  logs: async () => (await import('./commands/logs.ts')).addLogs,
  ...operations(...operationKinds),
  rollout: async () => (await import('./commands/rollout.ts')).addRollout,
  weight: async () => (await import('./commands/weight.ts')).addWeight,
  pause: async () => (await import('./commands/pause.ts')).addPause,
  resume: async () => (await import('./commands/resume.ts')).addResume,
  check: async () => (await import('./commands/check.ts')).addCheck,
  init: async () => (await import('./commands/init.ts')).addInit,
  metrics: async () => (await import('./commands/metrics.ts')).addMetrics,
  history: async () => (await import('./commands/history.ts')).addHistory,
  run: async () => (await import('./commands/run.ts')).addRun,
  ctl: async () => (await import('./commands/ctl.ts')).addCtl,
  completion: async () => {
    const { addCompletion } = await import('./commands/completion.ts');
    return (program) => addCompletion(program, () => createProgram(undefined));
  },
};

function operations(...kinds: readonly OperationKind[]): Record<string, () => Promise<AddCommand>> {
  const load = async (kind: OperationKind): Promise<AddCommand> => {
    const { addNodeOperation } = await import('./commands/node-operation.ts');
    return (program) => addNodeOperation(program, kind);
  };
  return Object.fromEntries(kinds.map((kind) => [kind, () => load(kind)]));
}

/** The program with the one command that is asked for, or with all of them where that is not clear. */
export async function createProgram(asked: string | undefined): Promise<Command> {
  const program = new Command('lameduck')
    .description('Takes service nodes out of service and brings them back without losing one request')
    .version(version)
    .showHelpAfterError('(lameduck --help shows all commands)')
    .addHelpText('after', exitCodeHelp)
    .exitOverride();
  if (asked === '--version' || asked === '-V') return program;
  const one = asked !== undefined && Object.hasOwn(commands, asked) ? commands[asked] : undefined;
  for (const load of one === undefined ? Object.values(commands) : [one]) (await load())(program);
  for (const command of program.commands) command.exitOverride();
  return program;
}
