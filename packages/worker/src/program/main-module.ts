import { realpathSync } from 'node:fs';
import module from 'node:module';
import { pathToFileURL } from 'node:url';
import type { Exports } from '../entry.ts';

interface Hooks {
  resolve(
    name: string,
    context: { parentURL?: string | undefined },
    next: (name: string) => unknown,
  ): unknown;
}

/** Not in the types of Node: what it starts programs with itself, as ts-node and others do; and hooks of Node 22.15. */
const { runMain, registerHooks } = module as {
  runMain?: (path: string) => void;
  registerHooks?: (hooks: Hooks) => { deregister(): void };
};

/**
 * Loads the entry as Node loads what it is started with: `require.main === module`, `import.meta.main` (where Node knows
 * it) and `process.argv[1]` say so, thus a program that only starts as the main module starts. Resolves with its exports.
 */
export async function importMain(path: string): Promise<Exports> {
  // As `import.meta.url` and `__filename` name it: a guard that compares them must be right behind a symbolic link, too.
  const file = realpathSync(path);
  const { href } = pathToFileURL(file);
  process.argv[1] = file;
  const asked = askedFor(href);
  runMain?.(file);
  await asked;
  return (await import(href)) as Exports;
}

/**
 * Resolves when Node has asked for this as its main module: whoever asks first decides whether it is that. Without
 * `--import` it does so within `runMain`; with it, only after all of those once more.
 */
function askedFor(href: string): Promise<void> | undefined {
  const words = [...process.execArgv, process.env['NODE_OPTIONS'] ?? ''];
  if (registerHooks === undefined || !words.some((word) => preloading.test(word))) return undefined;
  return new Promise((resolve) => {
    const hooks = registerHooks({
      resolve: (name, context, next) => {
        if (name === href && context.parentURL === undefined) end();
        return next(name);
      },
    });
    const timer = setTimeout(end, longestMs);
    function end(): void {
      clearTimeout(timer);
      hooks.deregister();
      setImmediate(resolve);
    }
  });
}

/** What `--import` named has been loaded, so that this is a matter of milliseconds. */
const longestMs = 1000;

const preloading = /--(import|loader|experimental-loader)\b/;

const comments = /\/\*[\s\S]*?\*\/|(?<![:'"`])\/\/.*$/gm;
const question =
  /\brequire\.main\b|\bimport\.meta\.main\b|\bprocess\.mainModule\b|\bmodule\.parent\b|\bargv\[1\]/;

/** Does this source do something only as the main module? Read from its text: nothing tells what a module asked. */
export function asksForMain(source: string): boolean {
  return question.test(source.replaceAll(comments, ''));
}
