import { type Config, LameduckError } from '@lameduck/core';
import type { Command } from 'commander';
import { ControllerClient } from './client/controller-client.ts';
import { type RemoteOptions, remotePlace } from './client/remote.ts';
import { findConfig } from './config/find-config.ts';
import { loadConfig } from './config/load-config.ts';
import { createScreen, type Screen } from './output/screen.ts';
import { type ServicePaths, servicePaths } from './paths.ts';

/** The options that every command about a service takes. */
export interface ServiceOptions extends RemoteOptions {
  readonly config?: string;
  readonly json?: boolean;
}

export interface Service {
  readonly config: Config;
  readonly file: string;
  readonly paths: ServicePaths;
}

export function withServiceOptions(command: Command): Command {
  return command
    .option('-c, --config <file>', 'configuration (default: lameduck.yaml here or in a folder above)')
    .option('--json', 'one JSON document on stdout, progress on stderr');
}

/** For commands that ask a controller, which may be somewhere else. */
export function withControllerOptions(command: Command): Command {
  return withServiceOptions(command)
    .option('--url <url>', 'a daemon that listens on TCP, instead of the one of this host (LAMEDUCK_URL)')
    .option('--token-file <file>', 'file with the token for it (or the token itself in LAMEDUCK_TOKEN)');
}

export async function loadService(options: ServiceOptions): Promise<Service> {
  const file = findConfig(options.config, process.cwd());
  const config = await loadConfig(file);
  return { config, file, paths: servicePaths(file, config) };
}

/** Runs a command against the controller of the service, or the one that `--url` names; throws `notRunning` where there is none. */
export async function withController(
  options: ServiceOptions,
  run: (client: ControllerClient, screen: Screen, service: Service | undefined) => Promise<void>,
): Promise<void> {
  const remote = remotePlace(options, process.env);
  const service = remote === undefined ? await loadService(options) : undefined;
  const client = new ControllerClient(remote ?? { socketPath: (service as Service).paths.controlSocket });
  try {
    await run(client, createScreen(options.json === true), service);
  } finally {
    await client.close();
  }
}

/** An unknown name is told before anything is asked. Throws `noSuchNode`. */
export function requireNode(config: Config, node: string): void {
  const names = config.nodes.map(({ name }) => name);
  if (names.includes(node)) return;
  const message = `Cannot find node "${node}": one of ${names.join(', ')} is wanted`;
  throw new LameduckError('noSuchNode', message, { node, names });
}
