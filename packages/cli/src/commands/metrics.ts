import { rename, writeFile } from 'node:fs/promises';
import { LameduckError } from '@lameduck/core';
import type { Command } from 'commander';
import { type ServiceOptions, withController, withControllerOptions } from '../service.ts';

interface MetricsOptions extends ServiceOptions {
  readonly output?: string;
}

/** `lameduck metrics [--output FILE]` */
export function addMetrics(program: Command): void {
  withControllerOptions(program.command('metrics'))
    .description("print the controller's metrics in Prometheus' text format")
    .option('--output <file>', "write them to this file as a whole, for node_exporter's textfile collector")
    .action(runMetrics);
}

function runMetrics(options: MetricsOptions): Promise<void> {
  return withController(options, async (client, screen) => {
    const metrics = await client.metrics();
    if (options.output !== undefined) await replaceFile(options.output, metrics);
    else if (screen.isJson) screen.json({ metrics });
    else screen.print(metrics.trimEnd());
  });
}

/** Whoever reads the file meanwhile reads the one before. Throws `usage`. */
async function replaceFile(path: string, text: string): Promise<void> {
  // the collector takes every file that ends with .prom
  const draft = `${path}.${process.pid}`;
  try {
    await writeFile(draft, text, { mode: 0o644 });
    await rename(draft, path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const message = `Cannot write "${path}": a file in a folder of yours is wanted: current value is ${code}`;
    throw new LameduckError('usage', message, { path }, error);
  }
}
