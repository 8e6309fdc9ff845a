import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  type Address,
  defaults,
  formatAddress,
  largestKillMarginMs,
  parseAddress,
  parseDurationMs,
} from '@lameduck/core';
import { startMaster } from '@lameduck/master';
import { type Command, InvalidArgumentError } from 'commander';
import { createProcessLogger } from '../output/process-logger.ts';
import { parseCount } from './rollout.ts';

interface RunOptions {
  readonly bind: Address;
  readonly workers: number;
  readonly pidfile?: string;
  readonly control?: string;
  readonly import: readonly string[];
  readonly timeoutGracefulShutdown: number;
  readonly killMargin: number;
  readonly linger: number;
  readonly keepAlive: number;
  readonly readyTimeout: number;
  readonly heartbeatTimeout: number;
}

/** `lameduck run ENTRY -w N -b HOST:PORT`: the master alone, like `gunicorn`. */
export function addRun(program: Command): void {
  program
    .command('run <entry>')
    .description('serve an application with a master and workers, without nginx or controller')
    .option(
      '-b, --bind <address>',
      'HOST:PORT, [IPV6]:PORT or unix:/PATH',
      readAddress,
      readAddress('127.0.0.1:8000'),
    )
    .option('-w, --workers <n>', 'worker processes', parseCount, 1)
    .option('-p, --pidfile <file>', 'write the pid of the master here')
    .option('--control <path>', 'unix socket for "lameduck ctl"')
    .option('--import <module>', 'load a module first in each worker; may be repeated', collect, [])
    .option(
      ...duration(
        '--timeout-graceful-shutdown',
        'most time a worker may take to finish',
        defaults.timeoutGracefulShutdownMs,
      ),
    )
    .option(
      ...duration('--kill-margin', 'what the master waits beyond that before it kills', largestKillMarginMs),
    )
    .option(
      ...duration(
        '--linger',
        'how long idle connections may stay for the peer to close first',
        defaults.lingerMs,
      ),
    )
    .option(
      ...duration(
        '--keep-alive',
        'idle time of a connection; longer than the one of nginx',
        defaults.keepAliveMs,
      ),
    )
    .option(
      ...duration(
        '--ready-timeout',
        'most time from the start of a worker until it is ready',
        defaults.startupTimeoutMs,
      ),
    )
    .option(...duration('--heartbeat-timeout', 'longest time an event loop may be blocked', 30_000))
    .addHelpText('after', signalHelp)
    .action(runApplication);
}

const signalHelp = `
Signals: TERM graceful stop · INT, QUIT quick stop · HUP rolling reload · TTIN, TTOU one worker more, less
The entry exports an application (default, or named app or handler): a node:http listener, Fastify, Express, Koa or fetch handler.`;

async function runApplication(entry: string, options: RunOptions): Promise<void> {
  const { logger, flush } = createProcessLogger();
  const master = await startMaster({
    entry: resolve(entry),
    workers: options.workers,
    address: options.bind,
    workerScript: fileURLToPath(import.meta.resolve('@lameduck/worker/main')),
    nodeArguments: options.import.flatMap((module) => ['--import', module]),
    graceMs: options.timeoutGracefulShutdown,
    killMarginMs: options.killMargin,
    lingerMs: options.linger,
    keepAliveMs: options.keepAlive,
    readyTimeoutMs: options.readyTimeout,
    bootTimeoutMs: options.readyTimeout,
    heartbeatTimeoutMs: options.heartbeatTimeout,
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

export function readAddress(text: string): Address {
  // as with other servers, a bare port means all of this machine's loopback
  const address = parseAddress(/^\d+$/.test(text) ? `127.0.0.1:${text}` : text);
  if (address === undefined)
    throw new InvalidArgumentError('HOST:PORT, [IPV6]:PORT or unix:/PATH is wanted.');
  return address;
}

function duration(
  flag: string,
  description: string,
  fallbackMs: number,
): [string, string, (text: string) => number, number] {
  return [`${flag} <duration>`, `${description} (such as 30s)`, readDuration, fallbackMs];
}

function readDuration(text: string): number {
  const ms = parseDurationMs(text);
  if (ms === undefined) throw new InvalidArgumentError('a duration such as 500ms, 30s or 2m is wanted.');
  return ms;
}

function collect(value: string, before: readonly string[]): readonly string[] {
  return [...before, value];
}
