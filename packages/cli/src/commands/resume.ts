import type { Command } from 'commander';
import { type ServiceOptions, withController, withControllerOptions } from '../service.ts';

/** `lameduck resume` */
export function addResume(program: Command): void {
  withControllerOptions(program.command('resume'))
    .description('end a pause: send requests on again, those that wait first')
    .action((options: ServiceOptions) =>
      withController(options, async (client, screen) => {
        await client.resume();
        if (screen.isJson) screen.json({ resumed: true });
        else screen.print('resumed: requests are sent on');
      }),
    );
}
