import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import {
  type ApiOptions,
  type ApiServer,
  type Controller,
  createRoutes,
  createTcpDoor,
  serveApi,
  serveTcpApi,
  systemClock,
} from '@lameduck/controller';
import { type ApiConfig, type Config, formatAddress } from '@lameduck/core';
import type { Logger } from 'pino';
import type { ServicePaths } from './paths.ts';
import { readApiFiles } from './read-api-files.ts';
import { version } from './version.ts';

/** The console's files. An installation may leave them out, and a checkout may not have built them. */
function findConsole(): string | undefined {
  try {
    const manifest = createRequire(import.meta.url).resolve('@lameduck/console/package.json');
    const folder = join(dirname(manifest), 'dist');
    return existsSync(join(folder, 'index.html')) ? folder : undefined;
  } catch {
    return undefined;
  }
}

/** Serves the API of a controller on its unix socket and, where it is configured, on TCP. Throws as those do, and `config`. */
export async function serveServiceApi(
  controller: Controller,
  config: Config,
  paths: ServicePaths,
  logger: Logger,
  options: ApiOptions = {},
): Promise<ApiServer> {
  const folder = findConsole();
  const routes = createRoutes(controller, {
    version,
    ...(folder === undefined ? {} : { console: folder }),
    ...options,
  });
  const tcp = config.api === undefined ? undefined : tcpOptions(config.api, paths, logger);
  const local = await serveApi(routes, paths.controlSocket);
  if (tcp === undefined || config.api === undefined) return local;
  try {
    const remote = await serveTcpApi(routes, tcp);
    logger.info({ listen: formatAddress(config.api.listen), hasTls: tcp.tls !== undefined }, 'api on tcp');
    return { close: async () => void (await Promise.all([local.close(), remote.close()])) };
  } catch (thrown) {
    await local.close();
    throw thrown;
  }
}

function tcpOptions(
  api: ApiConfig,
  { folder }: ServicePaths,
  logger: Logger,
): Parameters<typeof serveTcpApi>[1] {
  const { tokens, tls, isOpen } = readApiFiles(api, folder);
  for (const file of isOpen) logger.warn({ file }, 'token file is readable by others: chmod 600 is wanted');
  const door = createTcpDoor(tokens, api.allowedHosts, systemClock);
  const where = { host: api.listen.host, port: api.listen.port, door };
  return tls === undefined ? where : { ...where, tls };
}
