import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { StartOptions } from './attached.ts';
import { findMasterOf, isBelieved, listMasters, type StartedMaster } from './attached-master.ts';
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
  const configured = configuredBinary(options);
  const masters = listMasters().filter((one) => isBelieved(one, configured));
  const named = findMasterOf(masters, conf, undefined);
  const binary = configured ?? binaryOf(named) ?? findBinary(environment.PATH);
  const build = await readBuild({ binary, arguments: [], environment });
  const master = named ?? findMasterOf(masters, conf, build);
  if (master !== undefined) requireSignal(options.name, master.identity);
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
  const binary = master?.binary;
  return binary !== undefined && existsSync(binary) ? binary : undefined;
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
