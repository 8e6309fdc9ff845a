import { formatMs, type PauseStatus } from '@lameduck/core';
import type { Command } from 'commander';
import { readHold } from '../arguments.ts';
import { counted } from '../output/counted.ts';
import { type ServiceOptions, withController, withControllerOptions } from '../service.ts';

interface PauseOptions extends ServiceOptions {
  readonly for?: number;
}

/** `lameduck pause [--for 30s]` */
export function addPause(program: Command): void {
  withControllerOptions(program.command('pause'))
    .description('let all requests wait at the edges until `lameduck resume`')
    .option(
      '--for <duration>',
      'longest that one request waits, then 503 (default: availability.hold)',
      readHold,
    )
    .action((options: PauseOptions) =>
      withController(options, async (client, screen) => {
        const paused = await client.pause(options.for);
        if (screen.isJson) screen.json({ paused });
        else screen.print(describe(paused));
      }),
    );
}

function describe({ holdMs, inFlight = 0 }: PauseStatus): string {
  const left = inFlight === 0 ? 'nothing is under way' : `${counted(inFlight, 'request')} still under way`;
  return `paused: new requests wait at the edges, each at most ${formatMs(holdMs)}; ${left}`;
}
