import { existsSync, readFileSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import {
  type ApiOptions,
  type ApiServer,
  type Controller,
  createRoutes,
  createTcpDoor,
  hashToken,
  serveApi,
  serveTcpApi,
  systemClock,
  type TokenHash,
} from '@lameduck/controller';
import { type ApiConfig, type Config, formatAddress, LameduckError } from '@lameduck/core';
import type { Logger } from 'pino';
import { readToken } from './client/remote.ts';
import type { ServicePaths } from './paths.ts';
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

/** Everything that can be wrong with files, before anything listens. Throws `config`. */
function tcpOptions(
  api: ApiConfig,
  { folder }: ServicePaths,
  logger: Logger,
): Parameters<typeof serveTcpApi>[1] {
  const { listen, tls, allowedHosts } = api;
  const tokens = api.tokens.map(({ name, role, sha256, tokenFile }): TokenHash => {
    if (sha256 !== undefined) return { name, role, hash: Buffer.from(sha256, 'hex') };
    return { name, role, hash: hashToken(readTokenFile(resolve(folder, tokenFile as string), logger)) };
  });
  const door = createTcpDoor(tokens, allowedHosts, systemClock);
  const where = { host: listen.host, port: listen.port, door };
  if (tls === undefined) return where;
  return { ...where, tls: { cert: readPem(folder, tls.cert), key: readPem(folder, tls.key) } };
}

function readTokenFile(file: string, logger: Logger): string {
  try {
    const token = readToken(file);
    const isOpen = (statSync(file).mode & 0o077) !== 0;
    if (isOpen) logger.warn({ file }, 'token file is readable by others: chmod 600 is wanted');
    return token;
  } catch (thrown) {
    throw new LameduckError('config', LameduckError.from(thrown).message, { file }, thrown);
  }
}

function readPem(folder: string, path: string): Buffer {
  const file = resolve(folder, path);
  try {
    return readFileSync(file);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new LameduckError(
      'config',
      `Cannot read api.tls "${file}": a readable PEM file is wanted: ${code}`,
      { file },
      error,
    );
  }
}
