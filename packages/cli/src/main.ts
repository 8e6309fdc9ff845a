import { exitCodes, LameduckError } from '@lameduck/core';
import { Command, CommanderError } from 'commander';
import { addCheck } from './commands/check.ts';
import { addCtl } from './commands/ctl.ts';
import { addHistory } from './commands/history.ts';
import { addNodeOperations } from './commands/node-operation.ts';
import { addRollout } from './commands/rollout.ts';
import { addRun } from './commands/run.ts';
import { addStatus } from './commands/status.ts';
import { addUp } from './commands/up.ts';
import { version } from './version.ts';

const exitCodeHelp = `
Exit codes:
  0 ok · 1 failed · 2 usage · 3 not running, or the application could not start · 4 no such node
  5 deadline passed (killed) · 6 refused by the availability guard
  7 nginx test or reload failed, rolled back · 78 configuration`;

export function createProgram(): Command {
  const program = new Command('lameduck')
    .description('Takes service nodes out of service and brings them back without losing one request')
    .version(version)
    .helpCommand(true)
    .showHelpAfterError('(lameduck --help shows all commands)')
    .addHelpText('after', exitCodeHelp)
    .exitOverride();
  for (const add of [addUp, addStatus, addNodeOperations, addRollout, addCheck, addHistory, addRun, addCtl]) {
    add(program);
  }
  for (const command of program.commands) command.exitOverride();
  return program;
}

/** Runs the command line to its end; every failure becomes one message and its documented exit code. */
async function main(argv: readonly string[]): Promise<void> {
  try {
    await createProgram().parseAsync(argv);
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
