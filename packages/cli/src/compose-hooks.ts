import { resolve } from 'node:path';
import { createShellHooks, type NodeHooks } from '@lameduck/controller';
import { type Config, formatAddress } from '@lameduck/core';
import type { Logger } from 'pino';
import { launchOptions } from './launch-options.ts';
import type { ServicePaths } from './paths.ts';

/** The hooks of the nodes that have any: in the node's directory and environment, with its log. */
export function composeHooks(
  config: Config,
  paths: ServicePaths,
  logger: Logger,
): ReadonlyMap<string, NodeHooks> {
  const hooks = config.nodes.flatMap((node): (readonly [string, NodeHooks])[] => {
    if (node.hooks === undefined) return [];
    const own = createShellHooks({
      service: config.service,
      node: node.name,
      directory: resolve(paths.folder, node.directory),
      environment: { ...process.env, LAMEDUCK_ADDRESS: formatAddress(node.address), ...node.env },
      stateDirectory: paths.node(node.name),
      launch: launchOptions(node, paths),
      config: node.hooks,
      logger,
    });
    return [[node.name, own]];
  });
  return new Map(hooks);
}
