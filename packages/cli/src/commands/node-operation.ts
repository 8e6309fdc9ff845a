import type { OperationKind } from '@lameduck/core';
import type { Command } from 'commander';
import { showOperation } from '../output/show-operation.ts';
import { requireNode, type ServiceOptions, withController, withServiceOptions } from '../service.ts';

const descriptions: Readonly<Record<OperationKind, string>> = {
  drain: 'take a node out of rotation; it keeps running',
  ready: 'put a drained node back into rotation, once it is healthy',
  stop: 'take a node out, SIGTERM, wait, kill what is left',
  start: 'start a node, wait until it is healthy, put it into rotation',
  restart: 'stop and start a node without losing a request',
};

/** `lameduck drain|ready|stop|start|restart NODE` */
export function addNodeOperation(program: Command, kind: OperationKind): void {
  withServiceOptions(program.command(`${kind} <node>`))
    .description(descriptions[kind])
    .action((node: string, options: ServiceOptions) => runOperation(kind, node, options));
}

function runOperation(kind: OperationKind, node: string, options: ServiceOptions): Promise<void> {
  return withController(options, async (client, screen, { config }) => {
    requireNode(config, node);
    await showOperation(kind, [node], screen, (report) => client.operate(kind, node, report));
  });
}
