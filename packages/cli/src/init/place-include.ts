import { readFileSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { type Directive, matchesPattern, named, serviceOf } from '@lameduck/controller/nginx-config';

/** Where lameduck's own file is to be, and what to do for nginx to read it. */
export interface IncludePlace {
  readonly include: string;
  readonly steps: readonly string[];
}

/** A file that the configuration includes already, where there is a pattern for one; else the line to add. */
export function placeInclude(file: string, http: Directive, service: string): IncludePlace {
  const folder = dirname(file);
  const patterns = named(http.block, 'include').map(({ words }) => resolve(folder, words[0] ?? ''));
  const name = service.includes('lameduck') ? service : `lameduck-${service}`;
  for (const pattern of patterns) {
    const candidate = freeFile(dirname(pattern), name, service);
    if (matchesPattern(candidate, pattern)) return { include: candidate, steps: [] };
  }
  const include = freeFile(join(folder, 'lameduck'), service, service);
  const line = `include ${join(folder, 'lameduck')}/*.conf;`;
  return { include, steps: [`write "${line}" into the http block, below ${http.file}:${http.line}`] };
}

/** The first of `NAME.conf`, `NAME-2.conf` … that is not somebody else's. */
function freeFile(folder: string, name: string, service: string): string {
  for (let count = 1; ; count += 1) {
    const file = join(folder, `${name}${count === 1 ? '' : `-${count}`}.conf`);
    if (mayBeOurs(file, service)) return file;
  }
}

function mayBeOurs(file: string, service: string): boolean {
  try {
    const found = statSync(file, { throwIfNoEntry: false });
    if (found?.isFile() !== true) return found === undefined;
    const text = readFileSync(file, 'utf8');
    return text.trim() === '' || serviceOf(text) === service;
  } catch {
    return false;
  }
}
