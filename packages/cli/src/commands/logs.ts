import { type Command, InvalidArgumentError } from 'commander';
import { requireNode, type ServiceOptions, withController, withControllerOptions } from '../service.ts';
import { stopSignal, unreadSignal } from '../stop-signal.ts';

interface LogsOptions extends ServiceOptions {
  readonly lines: number;
  readonly follow?: boolean;
}

/** `lameduck logs NODE [-f]` */
export function addLogs(program: Command): void {
  withControllerOptions(program.command('logs <node>'))
    .description('the end of what the processes of a node have printed; -f goes on with what comes')
    .option('-n, --lines <n>', 'how many lines', readLines, 100)
    .option('-f, --follow', 'go on until Ctrl-C')
    .action(runLogs);
}

function runLogs(node: string, options: LogsOptions): Promise<void> {
  return withController(options, async (client, screen, service) => {
    if (service !== undefined) requireNode(service.config, node);
    const stop = AbortSignal.any([stopSignal(), unreadSignal()]);
    const how = { lines: options.lines, isFollowing: options.follow === true };
    try {
      for await (const line of client.logs(node, how, stop)) {
        if (screen.isJson) screen.json({ node, line });
        else screen.print(line);
      }
    } catch (thrown) {
      if (!stop.aborted) throw thrown;
    }
  });
}

function readLines(text: string): number {
  const count = Number(text);
  if (/^\d{1,5}$/.test(text) && count <= 10_000) return count;
  throw new InvalidArgumentError('0 to 10000 is wanted');
}
