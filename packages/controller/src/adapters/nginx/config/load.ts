import { readFileSync, realpathSync } from 'node:fs';
import { dirname, isAbsolute, join, normalize } from 'node:path';
import { LameduckError } from '@lameduck/core';
import { findFiles, matchesPattern } from './glob.ts';
import { type ConfigFile, type Directive, readTree } from './tree.ts';

/** A configuration as nginx would read it. */
export interface LoadedConfig {
  readonly tree: readonly Directive[];
  /** Every file of it, the main one first. */
  readonly files: readonly string[];
}

/** Reads what `nginx -T` printed: each file once, below a line with its name. */
export function loadDump(dump: string): LoadedConfig {
  const files = splitDump(dump);
  const [main] = files;
  if (main === undefined) return { tree: [], files: [] };
  const folder = dirname(main.path);
  const find = (pattern: string): readonly ConfigFile[] => {
    const wanted = absolute(pattern, folder);
    return files.filter(({ path }) => path === wanted || matchesPattern(path, wanted));
  };
  return { tree: readTree(main, find), files: files.map(({ path }) => path) };
}

function splitDump(dump: string): readonly ConfigFile[] {
  const heads = [...dump.matchAll(/^# configuration file (.+):\n/gm)];
  return heads.map((head, index) => ({
    path: normalize(head[1] ?? ''),
    text: dump.slice(head.index + head[0].length, heads[index + 1]?.index),
  }));
}

/**
 * Reads a file and what it includes from disk; nothing is run. An included file that cannot be read is left out and
 * told in `unread`. Throws `config` where the file itself cannot be read.
 */
export function loadFile(path: string): LoadedConfig & { readonly unread: readonly string[] } {
  const files = [path];
  const unread: string[] = [];
  const find = (pattern: string): readonly ConfigFile[] =>
    findFiles(absolute(pattern, dirname(path))).flatMap((found) => {
      try {
        const file = { path: found, text: readFileSync(found, 'utf8') };
        files.push(found);
        return [file];
      } catch {
        unread.push(found);
        return [];
      }
    });
  return { tree: readTree({ path, text: readMain(path) }, find), files, unread };
}

function readMain(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (thrown) {
    const code = (thrown as NodeJS.ErrnoException).code ?? String(thrown);
    const message = `Cannot read nginx configuration "${path}": it must be a readable file: current value is ${code}`;
    throw new LameduckError('config', message, { path }, thrown);
  }
}

/** As ngx_conf_full_name(): relative names of includes are relative to the folder of the main file. */
function absolute(pattern: string, folder: string): string {
  return isAbsolute(pattern) ? normalize(pattern) : join(folder, pattern);
}

/** The path behind all links, or the path itself where there is none. */
export function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}
