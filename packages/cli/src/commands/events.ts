import type { EventUpdate } from '@lameduck/client';
import type { Command } from 'commander';
import type { ControllerClient } from '../client/controller-client.ts';
import { describeEvent, describeNews } from '../output/event-line.ts';
import type { Screen } from '../output/screen.ts';
import { type ServiceOptions, withController, withControllerOptions } from '../service.ts';
import { stopSignal, unreadSignal } from '../stop-signal.ts';

/** `lameduck events` */
export function addEvents(program: Command): void {
  withControllerOptions(program.command('events'))
    .description(
      'what happens, a line for each event; --json gives all of it as JSON lines; goes on when the controller comes back',
    )
    .action((options: ServiceOptions) => withController(options, follow));
}

async function follow(client: ControllerClient, screen: Screen): Promise<void> {
  const stop = AbortSignal.any([stopSignal(), unreadSignal()]);
  const describe = describeNews();
  for await (const update of client.events(stop)) {
    if (screen.isJson) {
      if (update.event === 'disconnected') screen.note(describeEvent(update) ?? '');
      else if (update.event !== 'connected') screen.json(update);
      continue;
    }
    const line = describe(update);
    if (line !== undefined)
      screen.print(`${screen.paint('gray', timeOf(update))} ${kindOf(update, screen)} ${line}`);
  }
}

/** Of the event where it says, else of now; the time of day of who reads. */
function timeOf(update: EventUpdate): string {
  // an entry of the audit log is told again with its result, and keeps its time
  const told =
    'data' in update && 'at' in update.data && update.event !== 'audit'
      ? new Date(update.data.at)
      : new Date();
  return told.toLocaleTimeString('en-GB');
}

function kindOf({ event }: EventUpdate, screen: Screen): string {
  const colour =
    event === 'disconnected' ? 'red' : event === 'operation' || event === 'rollout' ? 'cyan' : 'yellow';
  return screen.paint(colour, event.padEnd(9));
}
