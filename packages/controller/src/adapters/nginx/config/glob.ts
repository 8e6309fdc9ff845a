import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** Whether the path is one that glob(3) finds for the pattern: `*`, `?` and `[…]`, none of them for a `/`. */
export function matchesPattern(path: string, pattern: string): boolean {
  const parts = path.split('/');
  const patterns = pattern.split('/');
  return (
    parts.length === patterns.length && parts.every((part, index) => matchesPart(part, patterns[index] ?? ''))
  );
}

function matchesPart(part: string, pattern: string): boolean {
  if (!/[*?[]/.test(pattern)) return part === pattern.replace(/\\(.)/g, '$1');
  // as the shell: a wildcard does not find hidden files
  if (part.startsWith('.') && !pattern.startsWith('.')) return false;
  return toExpression(pattern).test(part);
}

function toExpression(pattern: string): RegExp {
  const source = pattern.replace(
    /\\(.)|\*+|\?|\[([!^]?)(\]?[^\]]*)\]|[^\\*?[]+|[\\[]/g,
    (all, escaped?: string, negated?: string, set?: string) => {
      if (escaped !== undefined) return literal(escaped);
      if (all.startsWith('*')) return '.*';
      if (all === '?') return '.';
      if (set !== undefined) return `[${negated === '' ? '' : '^'}${set.replace(/[\\\][^]/g, '\\$&')}]`;
      return literal(all);
    },
  );
  try {
    return new RegExp(`^${source}$`, 's');
  } catch {
    // a range that runs backwards matches nothing, as in glob(3)
    return /^(?!)/;
  }
}

function literal(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');
}

/** The files of this machine that the absolute pattern names, sorted; what cannot be read is left out. */
export function findFiles(pattern: string): readonly string[] {
  if (pattern === '/' || pattern === '') return ['/'];
  const parents = /[*?[]/.test(dirname(pattern)) ? findFiles(dirname(pattern)) : [dirname(pattern)];
  const last = pattern.slice(pattern.lastIndexOf('/') + 1);
  if (!/[*?[]/.test(last)) return parents.map((parent) => join(parent, last));
  return parents.flatMap((parent) =>
    list(parent)
      .filter((name) => matchesPart(name, last))
      .sort()
      .map((name) => join(parent, name)),
  );
}

function list(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
