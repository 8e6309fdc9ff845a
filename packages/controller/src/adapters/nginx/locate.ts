import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { StartOptions } from './attached.ts';
import { findMasterOf, isNginxName, isTrusted, listMasters, type StartedMaster } from './attached-master.ts';
import { type NginxBuild, readBuild } from './build.ts';
import type { NginxEdgeOptions } from './options.ts';
import { requireSignal } from './permissions.ts';
import type { NginxCommand } from './run-nginx.ts';

/** An nginx program with the arguments for one edge. */
export interface LocatedNginx {
  readonly build: NginxBuild;
  readonly command: NginxCommand;
  readonly started: StartOptions;
}

type Of<Kind> = Extract<NginxEdgeOptions, { readonly kind: Kind }>;

/** Ours, which runs from the folder of the edge. Throws `binaryMissing`. */
export async function managedNginx(options: Of<'managed'>): Promise<LocatedNginx> {
  const { directory, environment } = options;
  const binary = configuredBinary(options) ?? findBinary(environment.PATH);
  const own = ['-p', directory, '-c', join(directory, 'nginx.conf'), '-e', join(directory, 'error.log')];
  const build = await readBuild({ binary, arguments: [], environment });
  return { build, command: { binary, arguments: own, environment }, started: {} };
}

/**
 * The user's, with the options that the running one was started with: only with these does the configuration mean the
 * same. Where none runs, those of our configuration. Throws `binaryMissing`, and `config` where we could not signal it.
 */
export async function attachedNginx(options: Of<'attached'>): Promise<LocatedNginx> {
  const { conf, environment } = options;
  const masters = listMasters();
  const named = findMasterOf(masters, conf, undefined);
  const binary = configuredBinary(options) ?? binaryOf(named) ?? findBinary(environment.PATH);
  const build = await readBuild({ binary, arguments: [], environment });
  const running = named ?? findMasterOf(masters, conf, build);
  if (running !== undefined) requireSignal(options.name, running.identity);
  const master = running !== undefined && isTrusted(running.identity) ? running : undefined;
  const prefix = options.prefix ?? master?.prefix;
  const { errorLog, globals } = master ?? {};
  const words = [
    ...(prefix === undefined ? [] : ['-p', prefix]),
    ...['-c', conf],
    ...(errorLog === undefined ? [] : ['-e', errorLog]),
    ...(globals === undefined ? [] : ['-g', globals]),
  ];
  return {
    build,
    command: { binary, arguments: words, environment },
    started: { prefix, errorLog, globals },
  };
}

function binaryOf(master: StartedMaster | undefined): string | undefined {
  if (master === undefined || !isTrusted(master.identity)) return undefined;
  return isNginxName(master.binary) && existsSync(master.binary) ? master.binary : undefined;
}

function configuredBinary({ nginx, environment }: NginxEdgeOptions): string | undefined {
  return nginx ?? environment.LAMEDUCK_NGINX;
}

// /usr/sbin is where Debian has nginx, and it is not on every user's path.
function findBinary(path: string | undefined): string {
  const folders = [
    ...(path ?? '').split(':'),
    '/usr/sbin',
    '/usr/local/sbin',
    '/usr/local/openresty/nginx/sbin',
  ];
  const found = folders.filter((folder) => folder !== '').map((folder) => join(folder, 'nginx'));
  return found.find((file) => existsSync(file)) ?? 'nginx';
}
