import { realpathSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { LameduckError } from '@lameduck/core';
import type { NginxBuild } from './build.ts';

/** What `nginx -T` tells of the user's configuration. */
export interface AttachedFacts {
  readonly pidFile: string;
  /** `undefined` where the log is no file. */
  readonly errorLog: string | undefined;
}

/** Reads the dump of `nginx -T`. Throws `config` where the configuration does not include our file. */
export function inspectDump(
  edge: string,
  dump: string,
  build: NginxBuild,
  conf: string,
  include: string,
): AttachedFacts {
  const files = [...dump.matchAll(/^# configuration file (.+):$/gm)].map(([, file = '']) => real(file));
  if (!files.includes(real(include))) {
    const message = `Cannot attach edge "${edge}": ${conf} must say "include ${include};" in its http block: current value is not included`;
    throw new LameduckError('config', message, { edge, conf, include });
  }
  const directives = mainDirectives(dump);
  const absolute = (path: string): string => (isAbsolute(path) ? path : join(build.prefix, path));
  const log = directives.get('error_log') ?? build.errorLogPath;
  const isFile = log !== 'stderr' && !/^(syslog|memory):/.test(log) && log !== '/dev/stderr';
  return {
    pidFile: absolute(directives.get('pid') ?? build.pidPath),
    errorLog: isFile ? absolute(log) : undefined,
  };
}

// Comments, quoted words, plain words and the signs `;{}`, as nginx's own reader tells them apart.
const tokens = /#[^\n]*|"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|[;{}]|[^\s;{}]+/g;

/** The first word after each directive that stands outside of all blocks; the first such directive counts. */
function mainDirectives(dump: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  let words: string[] = [];
  let depth = 0;
  for (const [token, double, single] of dump.matchAll(tokens)) {
    if (token.startsWith('#')) continue;
    if (token !== ';' && token !== '{' && token !== '}') {
      words.push(double ?? single ?? token);
      continue;
    }
    const [name, value] = words;
    if (token === ';' && depth === 0 && name !== undefined && value !== undefined && !found.has(name)) {
      found.set(name, value);
    }
    depth += token === '{' ? 1 : token === '}' ? -1 : 0;
    words = [];
  }
  return found;
}

function real(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}
