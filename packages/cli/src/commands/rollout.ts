import type { Command } from 'commander';
import { readCount } from '../arguments.ts';
import { showOperation } from '../output/show-operation.ts';
import { type ServiceOptions, withController, withServiceOptions } from '../service.ts';

interface RolloutOptions extends ServiceOptions {
  readonly batch: number;
}

/** `lameduck rollout [--batch N]` */
export function addRollout(program: Command): void {
  withServiceOptions(program.command('rollout'))
    .description('restart all nodes in turn; stop at the first that does not come back')
    .option('--batch <n>', 'nodes at the same time', readCount, 1)
    .action(runRollout);
}

function runRollout(options: RolloutOptions): Promise<void> {
  return withController(options, async (client, screen) => {
    const { nodes } = await client.status();
    const running = nodes.filter(({ state }) => state !== 'stopped' && state !== 'drained');
    const names = running.map(({ name }) => name);
    await showOperation('restart', names, screen, (report) => client.rollout(options.batch, report));
  });
}
