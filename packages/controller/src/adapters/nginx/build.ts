import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { LameduckError } from '@lameduck/core';
import { type NginxCommand, runNginx } from './run-nginx.ts';

/** What `nginx -V` tells of a build. */
export interface NginxBuild {
  /** `nginx/1.22.1` or `openresty/1.25.3.1`. */
  readonly server: string;
  readonly version: readonly [major: number, minor: number, patch: number];
  readonly hasLuaBuiltIn: boolean;
  /** Whether it takes `-l`, the address of its Control API (1.31.5). */
  readonly hasControlApi: boolean;
  readonly prefix: string;
  /** The main file without `-c`; relative to the prefix of the start, as the two below. */
  readonly confPath: string;
  readonly pidPath: string;
  readonly errorLogPath: string;
  readonly modulesPath: string;
}

/** The build behind the text of `nginx -V`; `undefined` where the text is none. */
export function parseBuild(text: string): NginxBuild | undefined {
  const found = /^nginx version: (\S+\/(\d+)\.(\d+)\.(\d+)\S*)/m.exec(text);
  if (found === null) return undefined;
  const [, server = '', major, minor, patch] = found;
  const option = (name: string): string | undefined => new RegExp(`--${name}=(\\S+)`).exec(text)?.[1];
  const prefix = option('prefix') ?? '/usr/local/nginx';
  return {
    server,
    version: [Number(major), Number(minor), Number(patch)],
    hasLuaBuiltIn: /--add-module=\S*(ngx_lua|lua-nginx-module)/.test(text),
    hasControlApi: /--with-control-api\b/.test(text),
    prefix,
    confPath: option('conf-path') ?? 'conf/nginx.conf',
    pidPath: option('pid-path') ?? 'logs/nginx.pid',
    errorLogPath: option('error-log-path') ?? 'logs/error.log',
    modulesPath: option('modules-path') ?? join(prefix, 'modules'),
  };
}

/** Asks the program for its build. Throws `binaryMissing`, also where the program is no nginx. */
export async function readBuild(command: NginxCommand): Promise<NginxBuild> {
  const run = await runNginx({ ...command, arguments: [] }, ['-V']);
  const build = parseBuild(run.stderr);
  if (build !== undefined) return build;
  const message = `Cannot use nginx "${command.binary}": -V must tell its version: current value is ${JSON.stringify(run.stderr.slice(0, 200))}`;
  throw new LameduckError('binaryMissing', message, { binary: command.binary });
}

/** Whether the version is the one given or a later one. */
export function isAtLeast(build: NginxBuild, major: number, minor: number, patch: number): boolean {
  const [ours, wanted] = [build.version, [major, minor, patch] as const];
  for (const index of [0, 1, 2] as const) {
    if (ours[index] !== wanted[index]) return ours[index] > wanted[index];
  }
  return true;
}

/**
 * Whether an old worker may cut a large answer that it buffers: it forgets the time-out of the upstream connection
 * and takes itself for idle (1.17.5 to 1.23.0 on Linux; "a proxied response might be truncated during
 * reconfiguration" in nginx's CHANGES 1.23.1). Unbuffered answers are read by other code.
 */
export function cutsAtReload(build: NginxBuild): boolean {
  return isAtLeast(build, 1, 17, 5) && !isAtLeast(build, 1, 23, 1);
}

// In the order in which they must load: the Lua module needs the kit.
const luaModules = ['ndk_http_module.so', 'ngx_http_lua_module.so'];

/**
 * The module files to load for Lua: none where it is built in, `undefined` where it is not to be had. That the
 * files are there does not say that they load; only `nginx -t` does.
 */
export function luaModuleFiles(
  build: NginxBuild,
  environment: Readonly<Record<string, string | undefined>>,
): readonly string[] | undefined {
  if (build.hasLuaBuiltIn) return [];
  const own = environment.LAMEDUCK_NGINX_MODULES;
  const folders = own === undefined ? ['/usr/lib/nginx/modules', build.modulesPath] : [own];
  const folder = folders.find((candidate) => existsSync(join(candidate, 'ngx_http_lua_module.so')));
  if (folder === undefined) return undefined;
  return luaModules.map((file) => join(folder, file)).filter((file) => existsSync(file));
}
