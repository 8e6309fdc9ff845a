import type { OperationKind } from '@lameduck/core';
import type { Command } from 'commander';
import { showPlan } from '../output/plan-view.ts';
import { showOperation } from '../output/show-operation.ts';
import { requireNode, type ServiceOptions, withController, withControllerOptions } from '../service.ts';

const descriptions: Readonly<Record<OperationKind, string>> = {
  drain: 'take a node out of rotation; it keeps running',
  ready: 'put a drained node back into rotation, once it is healthy',
  stop: 'take a node out, SIGTERM, wait, kill what is left',
  start: 'start a node, wait until it is healthy, put it into rotation',
  restart: 'stop and start a node without losing a request',
};

interface NodeOptions extends ServiceOptions {
  readonly force?: boolean;
  readonly dryRun?: boolean;
}

/** Operations that the guard of availability has a say in. */
const leaving: readonly OperationKind[] = ['drain', 'stop', 'restart'];

/** `lameduck drain|ready|stop|start|restart NODE` */
export function addNodeOperation(program: Command, kind: OperationKind): void {
  const command = withControllerOptions(program.command(`${kind} <node>`)).description(descriptions[kind]);
  if (leaving.includes(kind)) {
    command.option(
      '--force',
      'also against the availability guard (never without proof of the edges); exit code 8',
    );
  }
  command
    .option('--dry-run', 'print what would happen and what would change in nginx; touch nothing')
    .action((node: string, options: NodeOptions) => runOperation(kind, node, options));
}

function runOperation(kind: OperationKind, node: string, options: NodeOptions): Promise<void> {
  const force = options.force === true ? { force: true } : {};
  return withController(options, async (client, screen, service) => {
    if (service !== undefined) requireNode(service.config, node);
    if (options.dryRun === true) return showPlan(await client.planOperation(kind, node, force), screen);
    await showOperation(kind, [node], screen, (report) => client.operate(kind, node, report, force));
  });
}
