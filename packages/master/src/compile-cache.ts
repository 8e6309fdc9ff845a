import { lstatSync, mkdirSync, type Stats } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const ownerOnly = 0o700;

/**
 * A directory of this user alone where workers keep what V8 has compiled, so that a replacement starts with less work
 * beside the workers that serve. Undefined where it is nobody's but ours to say: Node's own variables decide first,
 * coverage needs whole compilations, and what is not a directory of ours that only we can write is not trusted.
 */
export function openCompileCache(
  environment: Readonly<Record<string, string | undefined>>,
  parent: string = tmpdir(),
): string | undefined {
  const { NODE_COMPILE_CACHE, NODE_DISABLE_COMPILE_CACHE, NODE_V8_COVERAGE } = environment;
  if (NODE_COMPILE_CACHE || NODE_DISABLE_COMPILE_CACHE || NODE_V8_COVERAGE) return undefined;
  const user = process.getuid?.();
  if (user === undefined) return undefined;
  const directory = join(parent, `lameduck-compile-cache-${user}`);
  try {
    mkdirSync(directory, { mode: ownerOnly });
  } catch {
    // There already, or not possible: what counts is what is there now.
  }
  const found = look(directory);
  const isOurs = found?.isDirectory() === true && found.uid === user && (found.mode & 0o777) === ownerOnly;
  return isOurs ? directory : undefined;
}

function look(path: string): Stats | undefined {
  try {
    return lstatSync(path);
  } catch {
    // Beside one that is not there: a parent that is no directory, or that we may not enter.
    return undefined;
  }
}
