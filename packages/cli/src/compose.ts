import { channel } from 'node:diagnostics_channel';
import { existsSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  type Controller,
  createAppRunner,
  createController,
  createGunicornRunner,
  createHealthChecks,
  createNginxEdge,
  createServerRunner,
  createSystemdRunner,
  makeFolder,
  type NginxEdgeOptions,
  type NodeRunner,
  openSqliteStore,
  systemClock,
} from '@lameduck/controller';
import { type Config, type EdgeConfig, killMarginMs, type NodeConfig, variableOf } from '@lameduck/core';
import type { Logger } from 'pino';
import { composeHooks } from './compose-hooks.ts';
import { launchOptions } from './launch-options.ts';
import type { ServicePaths } from './paths.ts';
import { promiseToken } from './promise-token.ts';
import { version } from './version.ts';

/** This program as a command, for the masters that it starts. */
const launcher: string = join(dirname(fileURLToPath(import.meta.url)), '..', 'bin', 'lameduck.cjs');

/** Each effect of an operation, before and after: for whoever wants to watch a controller, or to end it just there. */
const effects = channel('lameduck:effect');

/** Makes the adapters for a configuration and the controller over them. Throws `alreadyRunning`, `storeFailed`. */
export function composeController(
  config: Config,
  paths: ServicePaths,
  logger: Logger,
  isOwner = true,
): Controller {
  prepareStateFolder(paths);
  return createController({
    config,
    store: openSqliteStore(paths.store),
    edges: config.edges.map((edge) => createNginxEdge(edgeOptions(edge, config, paths, logger))),
    runners: new Map(config.nodes.map((node) => [node.name, composeRunner(node, config, paths, logger)])),
    checks: createHealthChecks(config, logger),
    hooks: composeHooks(config, paths, logger),
    clock: systemClock,
    logger,
    version,
    isOwner,
    onEffect: (point) => effects.publish(point),
  });
}

/** Makes the state folder, which belongs into nobody's repository. */
function prepareStateFolder(paths: ServicePaths): void {
  makeFolder(paths.state);
  const ignored = join(paths.state, '.gitignore');
  // on a full disk too, what runs can be adopted: nothing is written that is there
  if (!existsSync(ignored)) writeFileSync(ignored, '*\n');
}

/** What the nginx adapter is told of one edge. */
export function edgeOptions(
  edge: EdgeConfig,
  config: Config,
  paths: ServicePaths,
  logger: Logger,
): NginxEdgeOptions {
  return {
    name: edge.name,
    service: config.service,
    mode: edge.mode,
    nginx: edge.nginx,
    directory: paths.edge(edge.name),
    nodes: config.nodes.map(({ name, address, weight, health }) => ({
      name,
      address,
      weight,
      slowStartMs: health.slowStartMs,
    })),
    balance: config.balance,
    sticky: config.sticky,
    ...(config.shutdown.sessions === 'close' ? { closeSessionsAfterMs: config.shutdown.drainTimeoutMs } : {}),
    holdMs: config.availability.holdMs,
    quiesceTimeoutMs: edge.quiesceTimeoutMs,
    environment: process.env,
    logger,
    ...(edge.kind === 'managed'
      ? { kind: 'managed', listen: edge.listen, promiseToken: promiseToken(paths.state) }
      : {
          kind: 'attached',
          conf: resolve(paths.folder, edge.conf),
          include: resolve(paths.folder, edge.include),
          prefix: edge.prefix === undefined ? undefined : resolve(paths.folder, edge.prefix),
        }),
  };
}

/** The runner of one node, by its kind. */
export function composeRunner(
  node: NodeConfig,
  config: Config,
  paths: ServicePaths,
  logger: Logger,
): NodeRunner {
  const directory = resolve(paths.folder, node.directory);
  const common = {
    node: node.name,
    address: node.address,
    directory,
    environment: { ...process.env, LAMEDUCK_NODE: node.name, ...node.env },
    launch: launchOptions(node, paths),
    stateDirectory: paths.node(node.name),
    timeoutGracefulShutdownMs: config.shutdown.timeoutGracefulShutdownMs,
    logger,
  };
  switch (node.kind) {
    case 'app':
      return createAppRunner({
        ...common,
        environment: { ...promiseVariable(config, paths), ...common.environment },
        entry: node.entry,
        workers: node.workers,
        masterCommand: [process.execPath, launcher, 'run'],
        killMarginMs: killMarginMs(config.shutdown),
        controllerSocket: paths.controlSocket,
      });
    case 'gunicorn':
      return createGunicornRunner({
        ...common,
        environment: { ...promiseVariable(config, paths), ...common.environment },
        ...definedOnly(node),
      });
    case 'process':
      return createServerRunner({
        ...common,
        start: node.start,
        ...(node.pidfile === undefined ? {} : { pidFile: resolve(directory, node.pidfile) }),
      });
    case 'systemd':
      return createSystemdRunner({ node: node.name, unit: node.unit, isUserUnit: node.isUserUnit, logger });
  }
}

/** For attached edges the user decides whether they make the promise. */
function promiseVariable(config: Config, paths: ServicePaths): Readonly<Record<string, string>> {
  if (!config.edges.some((edge) => edge.kind === 'managed')) return {};
  return { [variableOf('promiseToken')]: promiseToken(paths.state) };
}

function definedOnly(node: Extract<NodeConfig, { kind: 'gunicorn' }>): {
  app: string;
  workers: number;
  arguments: readonly string[];
  command?: string;
  python?: string;
  workerClass?: string;
} {
  const { app, workers, command, python, workerClass } = node;
  return {
    app,
    workers,
    arguments: node.arguments,
    ...(command === undefined ? {} : { command }),
    ...(python === undefined ? {} : { python }),
    ...(workerClass === undefined ? {} : { workerClass }),
  };
}
