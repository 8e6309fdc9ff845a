import type { WeightReport } from '@lameduck/core';
import { type Command, InvalidArgumentError } from 'commander';
import { requireNode, type ServiceOptions, withController, withControllerOptions } from '../service.ts';

/** `lameduck weight NODE 3` */
export function addWeight(program: Command): void {
  withControllerOptions(program.command('weight'))
    .argument('<node>')
    .argument('<weight>', '1 to 65535, or `default` for the configured one', readWeight)
    .description('set the share of the requests that a node gets, until it is set again')
    .action((node: string, weight: number | 'default', options: ServiceOptions) =>
      withController(options, async (client, screen, service) => {
        if (service !== undefined) requireNode(service.config, node);
        const report = await client.setWeight(node, weight === 'default' ? undefined : weight);
        if (screen.isJson) screen.json(report);
        else screen.print(describe(report));
      }),
    );
}

function readWeight(text: string): number | 'default' {
  const weight = Number(text);
  if (text === 'default' || (/^\d+$/.test(text) && weight >= 1 && weight <= 65_535)) {
    return text === 'default' ? text : weight;
  }
  throw new InvalidArgumentError('a whole number from 1 to 65535, or default, is wanted.');
}

function describe({ node, weight, configured, before, unproven = [] }: WeightReport): string {
  const origin = weight === configured ? 'as configured' : `configured ${configured}`;
  const later = unproven.length === 0 ? '' : `; not running, follows when it is back: ${unproven.join(', ')}`;
  return `${node}: weight ${weight} (was ${before}, ${origin})${later}`;
}
