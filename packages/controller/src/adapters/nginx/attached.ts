import { basename, dirname, isAbsolute, join, resolve } from 'node:path';
import { LameduckError } from '@lameduck/core';
import type { StartedMaster } from './attached-master.ts';
import type { NginxBuild } from './build.ts';
import { matchesPattern } from './config/glob.ts';
import { type LoadedConfig, loadDump, loadFile, realPath } from './config/load.ts';
import { named, readTree, walk } from './config/tree.ts';

/** What `nginx -T` tells of the user's configuration. */
export interface AttachedFacts {
  readonly pidFile: string;
  /** `undefined` where the log is no file. */
  readonly errorLog: string | undefined;
}

/** How the user's nginx was started, as far as it changes what its configuration means. */
export type StartOptions = Partial<Pick<StartedMaster, 'prefix' | 'errorLog' | 'globals'>>;

/** Reads the dump of `nginx -T`. Throws `config` where the configuration does not include our file. */
export function inspectDump(
  edge: string,
  dump: string,
  build: NginxBuild,
  conf: string,
  include: string,
  started: StartOptions = {},
): AttachedFacts {
  const config = loadDump(dump);
  if (!config.files.some((file) => realPath(file) === realPath(include))) {
    throw notIncluded(edge, config, conf, include);
  }
  const globals = readTree({ path: '-g', text: started.globals ?? '' }, () => []);
  const main = [...globals, ...config.tree];
  const firstOf = (name: string): string | undefined => named(main, name)[0]?.words[0];
  const prefix = started.prefix ?? build.prefix;
  const absolute = (path: string): string => (isAbsolute(path) ? path : join(prefix, path));
  const log = firstOf('error_log') ?? started.errorLog ?? build.errorLogPath;
  const isFile = log !== 'stderr' && !/^(syslog|memory):/.test(log) && log !== '/dev/stderr';
  return {
    pidFile: absolute(firstOf('pid') ?? build.pidPath),
    errorLog: isFile ? absolute(log) : undefined,
  };
}

/**
 * Where nginx refuses, the reason may be that it does not read our file at all, which it has no way to say. Throws `config`
 * where no `include` of the configuration names it; a configuration that we cannot read as a whole is not judged.
 */
export function refuseUnincluded(edge: string, conf: string, include: string): void {
  const config = loadOrNothing(conf);
  if (config === undefined || config.unread.length > 0) return;
  const wanted = [include, behindLinks(include)];
  for (const { directive } of walk(config.tree)) {
    const [pattern] = directive.words;
    if (directive.name !== 'include' || pattern === undefined) continue;
    const path = resolve(dirname(conf), pattern);
    if ([path, behindLinks(path)].some((one) => wanted.some((file) => matchesPattern(file, one)))) return;
  }
  throw notIncluded(edge, config, conf, include);
}

function loadOrNothing(conf: string): ReturnType<typeof loadFile> | undefined {
  try {
    return loadFile(conf);
  } catch {
    return undefined;
  }
}

/** The file itself need not be there. */
function behindLinks(path: string): string {
  return join(realPath(dirname(path)), basename(path));
}

function notIncluded(edge: string, { tree }: LoadedConfig, conf: string, include: string): LameduckError {
  const [http] = named(tree, 'http');
  const place = http === undefined ? '' : `, below ${http.file}:${http.line}`;
  const message = `Cannot attach edge "${edge}": ${conf} must say "include ${include};" in its http block${place}: current value is not included`;
  const where = http === undefined ? {} : { file: http.file, line: http.line };
  return new LameduckError('config', message, { edge, conf, include, ...where });
}
