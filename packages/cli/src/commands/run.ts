import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Address, defaults, formatAddress, largestKillMarginMs } from '@lameduck/core';
import { startMaster } from '@lameduck/master';
import type { Command } from 'commander';
import { collect, readAddress, readCount, readDuration } from '../arguments.ts';
import { createProcessLogger } from '../output/process-logger.ts';

interface RunOptions {
  readonly bind?: Address;
  readonly workers: number;
  readonly pidfile?: string;
  readonly control?: string;
  readonly import?: readonly string[];
  readonly timeoutGracefulShutdown?: number;
  readonly killMargin?: number;
  readonly linger?: number;
  readonly keepAlive?: number;
  readonly readyTimeout?: number;
  readonly heartbeatTimeout?: number;
}

/** As Gunicorn's and Uvicorn's. */
const defaultBind = '127.0.0.1:8000';

/** `lameduck run ENTRY -w N -b HOST:PORT`: the master alone, like `gunicorn`. */
export function addRun(program: Command): void {
  const command = program
    .command('run <entry>')
    .description('serve an application with a master and workers, without nginx or controller')
    .option(
      '-b, --bind <address>',
      `HOST:PORT, [IPV6]:PORT or unix:/PATH (default: ${defaultBind})`,
      readAddress,
    )
    .option('-w, --workers <n>', 'worker processes', readCount, 1)
    .option('-p, --pidfile <file>', 'write the pid of the master here')
    .option('--control <path>', 'unix socket for "lameduck ctl"')
    .option('--import <module>', 'load a module first in each worker; may be repeated', collect);
  for (const [flag, description, ms] of durations) {
    command.option(`${flag} <duration>`, `${description} (default: ${ms / 1000}s)`, readDuration);
  }
  command.addHelpText('after', signalHelp).action(runApplication);
}

const durations: readonly (readonly [flag: string, description: string, defaultMs: number])[] = [
  [
    '--timeout-graceful-shutdown',
    'most time a worker may take to finish',
    defaults.timeoutGracefulShutdownMs,
  ],
  ['--kill-margin', 'what the master waits beyond that before it kills', largestKillMarginMs],
  ['--linger', 'how long idle connections may stay for the peer to close first', defaults.lingerMs],
  ['--keep-alive', 'idle time of a connection; longer than the one of nginx', defaults.keepAliveMs],
  ['--ready-timeout', 'most time from the start of a worker until it is ready', defaults.startupTimeoutMs],
  ['--heartbeat-timeout', 'longest time an event loop may be blocked', defaults.heartbeatTimeoutMs],
];

const signalHelp = `
Signals: TERM graceful stop · INT, QUIT quick stop · HUP rolling reload · TTIN, TTOU one worker more, less
The entry exports an application (default, or named app or handler): a node:http listener, Fastify, Express, Koa or fetch handler.`;

async function runApplication(entry: string, options: RunOptions): Promise<void> {
  const { logger, flush } = createProcessLogger();
  const readyTimeoutMs = options.readyTimeout ?? defaults.startupTimeoutMs;
  const master = await startMaster({
    entry: resolve(entry),
    workers: options.workers,
    address: options.bind ?? readAddress(defaultBind),
    workerScript: fileURLToPath(import.meta.resolve('@lameduck/worker/main')),
    nodeArguments: (options.import ?? []).flatMap((module) => ['--import', module]),
    graceMs: options.timeoutGracefulShutdown ?? defaults.timeoutGracefulShutdownMs,
    killMarginMs: options.killMargin ?? largestKillMarginMs,
    lingerMs: options.linger ?? defaults.lingerMs,
    keepAliveMs: options.keepAlive ?? defaults.keepAliveMs,
    readyTimeoutMs,
    bootTimeoutMs: readyTimeoutMs,
    heartbeatTimeoutMs: options.heartbeatTimeout ?? defaults.heartbeatTimeoutMs,
    readinessPath: defaults.readinessPath,
    livenessPath: defaults.livenessPath,
    controlPath: options.control === undefined ? undefined : resolve(options.control),
    pidfile: options.pidfile === undefined ? undefined : resolve(options.pidfile),
    logger,
    signals: process,
  });
  try {
    if (await master.ready) process.stdout.write(`ready ${urlOf(master.address)}\n`);
    process.exitCode = await master.ended;
  } finally {
    await master.ended;
    flush();
  }
}

function urlOf(address: Address): string {
  return address.kind === 'unix' ? formatAddress(address) : `http://${formatAddress(address)}`;
}
