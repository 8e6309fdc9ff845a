import { exitCodes, LameduckError } from '@lameduck/core';
import { CommanderError, InvalidArgumentError } from 'commander';
import { guardOutput } from './output/guard-output.ts';
import { createProgram } from './program.ts';

/** Runs the command line to its end; every failure becomes one message and its documented exit code. */
async function main(argv: readonly string[]): Promise<void> {
  try {
    await (await createProgram(argv[2])).parseAsync(argv);
  } catch (error) {
    process.exitCode = report(error, argv.includes('--json'));
  }
}

function report(thrown: unknown, isJson: boolean): number {
  // thrown by an action: commander, which asks for it while it reads the command line, has not said it
  if (thrown instanceof InvalidArgumentError) process.stderr.write(`lameduck: ${thrown.message}\n`);
  // commander has said what was wrong already; help and version are no failure
  if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? 0 : exitCodes.usage;
  const error = LameduckError.from(thrown);
  const { code, message, details } = error;
  if (isJson) process.stdout.write(`${JSON.stringify({ error: { code, message, details } })}\n`);
  else process.stderr.write(`lameduck: ${message}\n`);
  if (code === 'internal' && error.cause instanceof Error) process.stderr.write(`${error.cause.stack}\n`);
  return exitCodes[code];
}

guardOutput();
await main(process.argv);
