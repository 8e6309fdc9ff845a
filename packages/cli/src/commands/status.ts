import { setTimeout as pause } from 'node:timers/promises';
import type { Command } from 'commander';
import { isTerminal } from '../output/screen.ts';
import { formatStatus } from '../output/status-view.ts';
import { type ServiceOptions, withController, withControllerOptions } from '../service.ts';
import { unreadSignal } from '../stop-signal.ts';

interface StatusOptions extends ServiceOptions {
  readonly watch?: boolean;
}

const watchIntervalMs = 500;
const clearScreen = '\u001B[H\u001B[J';

/** `lameduck status [--watch]` */
export function addStatus(program: Command): void {
  withControllerOptions(program.command('status'))
    .description('show edges, nodes and workers: state, requests in flight, last check and why')
    .option('--watch', 'show it anew twice a second, until Ctrl-C')
    .action(runStatus);
}

function runStatus(options: StatusOptions): Promise<void> {
  return withController(options, async (client, screen) => {
    const unread = unreadSignal();
    for (;;) {
      const status = await client.status();
      if (screen.isJson) screen.json(status);
      else
        screen.print(
          `${options.watch && isTerminal(process.stdout) ? clearScreen : ''}${formatStatus(status, screen)}`,
        );
      if (options.watch !== true || unread.aborted) return;
      await pause(watchIntervalMs);
    }
  });
}
