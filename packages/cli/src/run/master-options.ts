import { fileURLToPath } from 'node:url';
import { LameduckError, type WorkerOptions } from '@lameduck/core';
import type { MasterOptions } from '@lameduck/master';
import type { Logger } from 'pino';
import type { LoadedSettings } from './load-settings.ts';

/** The log of the master, and how its file is opened again. */
export interface RunLog {
  readonly logger: Logger;
  readonly reopen?: (() => void) | undefined;
}

/** Settings as the master takes them. Throws `usage` without an entry. */
export function masterOptions(loaded: LoadedSettings, log: RunLog): MasterOptions {
  const { settings, hooks, resolvePath } = loaded;
  return {
    entry: entryPath(loaded),
    workers: settings.workers,
    address: settings.bind,
    workerScript: fileURLToPath(import.meta.resolve('@lameduck/worker/main')),
    nodeArguments: settings.import.flatMap((module) => ['--import', module]),
    graceMs: settings.timeoutGracefulShutdown,
    killMarginMs: settings.killMargin,
    lingerMs: settings.linger,
    handOff: settings.handOff,
    keepAliveMs: settings.keepAlive,
    readyTimeoutMs: settings.readyTimeout,
    bootTimeoutMs: settings.readyTimeout,
    // nobody waits for an answer of a service that is being written, but its author does for the reload
    minReadyMs: settings.reload ? 0 : settings.minReady,
    heartbeatTimeoutMs: settings.heartbeatTimeout,
    hangStack: settings.hangStack,
    readinessPath: settings.readinessPath,
    livenessPath: settings.livenessPath,
    worker: workerOptions(loaded),
    controlPath: optionalPath('control', settings.control),
    pidfile: optionalPath('pidfile', settings.pidfile),
    controller: controllerOf(loaded),
    maxRequests: settings.maxRequests,
    maxRequestsJitter: settings.maxRequestsJitter,
    maxMemoryBytes: settings.maxMemory,
    maxRecycling: settings.maxRecycling,
    accessLog: accessLog(loaded),
    metrics: {
      latency: settings.metrics || settings.metricsBind !== undefined,
      address: settings.metricsBind,
      token: settings.metricsToken,
    },
    hooks,
    logger: log.logger,
    reopenLog: log.reopen,
    signals: process,
  };

  function optionalPath(name: 'control' | 'pidfile', path: string | undefined): string | undefined {
    return path === undefined ? undefined : resolvePath(name, path);
  }
}

function controllerOf({ settings, resolvePath }: LoadedSettings): MasterOptions['controller'] {
  const { controller: path, node } = settings;
  return path === undefined || node === undefined
    ? undefined
    : { path: resolvePath('controller', path), node };
}

/** What only the workers need to know. */
function workerOptions({ settings, resolvePath }: LoadedSettings): WorkerOptions {
  const { certfile, keyfile, promiseToken } = settings;
  return {
    sessionMs: settings.sessionTimeout,
    lameDuckMs: settings.preStopDelay,
    waitReady: settings.waitReady,
    warmUp: settings.warmUp,
    http2: settings.http2,
    allowHalfOpen: settings.allowHalfOpen,
    requestTimeoutMs: settings.requestTimeout,
    limitRequestBody: settings.limitRequestBody,
    limitRequestHeaderSize: settings.limitRequestHeaderSize,
    limitRequestHeaderFields: settings.limitRequestHeaderFields,
    ...(promiseToken === undefined ? {} : { promiseToken }),
    ...(certfile === undefined ? {} : { certfile: resolvePath('certfile', certfile) }),
    ...(keyfile === undefined ? {} : { keyfile: resolvePath('keyfile', keyfile) }),
  };
}

/** The absolute path of the application's module. Throws `usage` where none is given. */
export function entryPath({ settings, resolvePath }: LoadedSettings): string {
  if (settings.entry !== undefined) return resolvePath('entry', settings.entry);
  throw new LameduckError(
    'usage',
    'Cannot run: a module that exports an application is wanted: current value is no argument and no setting "entry"',
  );
}

function accessLog({ settings, resolvePath }: LoadedSettings): MasterOptions['accessLog'] {
  const { accessLog: path, accessLogFormat: format } = settings;
  if (path === undefined) return undefined;
  return { path: path === '-' ? path : resolvePath('accessLog', path), format };
}
