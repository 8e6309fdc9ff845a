import { exitCodes } from '@lameduck/core';
import { Argument, type Command } from 'commander';
import { describeProgram } from '../completion/describe-program.ts';
import { completionScript, type Shell } from '../completion/scripts.ts';
import { loadService, type ServiceOptions } from '../service.ts';

/** `lameduck completion bash|zsh|fish`; `nodes` is what the scripts ask for. */
export function addCompletion(program: Command, whole: () => Promise<Command>): void {
  program
    .command('completion')
    .addArgument(new Argument('<shell>', 'for which shell').choices(['bash', 'zsh', 'fish', 'nodes']))
    .option('-c, --config <file>', 'configuration whose nodes are named')
    .description('print the completion of a shell; to be sourced')
    .action(async (shell: Shell | 'nodes', options: ServiceOptions) => {
      if (shell === 'nodes') return printNodes(options);
      process.stdout.write(completionScript(shell, describeProgram(await whole())));
    });
}

/** Silent where there is no configuration: a completion must not print into the line that is typed. */
async function printNodes(options: ServiceOptions): Promise<void> {
  try {
    const { config } = await loadService(options);
    process.stdout.write(config.nodes.map(({ name }) => `${name}\n`).join(''));
  } catch {
    process.exitCode = exitCodes.config;
  }
}
