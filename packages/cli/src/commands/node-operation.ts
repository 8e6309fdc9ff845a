import { type OperationKind, reportExitCode } from '@lameduck/core';
import type { Command } from 'commander';
import { formatReport } from '../output/report-view.ts';
import { createStepBoard } from '../output/step-board.ts';
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
    const board = createStepBoard(kind, [node], screen);
    try {
      const report = await client.operate(kind, node, (progress) => board.show(progress));
      await board.close();
      if (screen.isJson) screen.json(report);
      else screen.print(formatReport(report, screen));
      process.exitCode = reportExitCode(report);
    } finally {
      await board.close();
    }
  });
}
