import { existsSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { type Application, isApplication } from './application.ts';
import { describeThrown, WorkerError } from './worker-error.ts';

/** What a module gives to be served. */
export interface Entry {
  readonly application: Application;
  /** Awaited before the worker listens. */
  readonly startup?: () => unknown;
  /** Awaited when nothing is left to answer. */
  readonly shutdown?: () => unknown;
}

type Exports = Readonly<Record<string, unknown>>;

const names = ['default', 'app', 'handler', 'application'] as const;

function unusable(path: string, wanted: string, got: string, cause?: unknown): WorkerError {
  return new WorkerError('entryUnusable', `Cannot load "${path}": ${wanted}: current value is ${got}`, cause);
}

async function importEntry(path: string): Promise<Exports> {
  if (!existsSync(path)) throw unusable(path, 'an existing file was wanted', 'no such file');
  try {
    return (await import(pathToFileURL(path).href)) as Exports;
  } catch (thrown) {
    const isType = (thrown as { code?: unknown } | null)?.code === 'ERR_UNKNOWN_FILE_EXTENSION';
    if (isType)
      throw unusable(path, 'Node 22.18 or later, or JavaScript, was wanted', process.version, thrown);
    throw unusable(path, 'a module that can be imported was wanted', describeThrown(thrown), thrown);
  }
}

/** CommonJS: `module.exports` is the default export, and may itself hold the names. */
function flatten(exports: Exports): Exports {
  const inner = exports.default;
  if (typeof inner !== 'object' || inner === null || isApplication(inner) || inner instanceof Promise)
    return exports;
  return { ...exports, default: undefined, ...(inner as Exports) };
}

async function findApplication(exports: Exports): Promise<Application | undefined> {
  for (const name of names) {
    const exported = exports[name];
    // Only real promises: a Fastify instance has `then`, too.
    const value: unknown = exported instanceof Promise ? await exported : exported;
    if (isApplication(value)) return value as Application;
  }
  return typeof exports.fetch === 'function' ? (exports as unknown as Application) : undefined;
}

function hook(exports: Exports, name: 'startup' | 'shutdown'): Partial<Record<typeof name, () => unknown>> {
  const value = exports[name];
  return typeof value === 'function' ? { [name]: value as () => unknown } : {};
}

/**
 * Imports a module (`.js`, `.mjs`, `.cjs`, `.ts` where Node can) and finds its application: the first of the exports
 * `default`, `app`, `handler`, `application` that can be served, or `fetch`. Throws `entryUnusable`.
 */
export async function loadEntry(path: string): Promise<Entry> {
  const exports = flatten(await importEntry(path));
  let application: Application | undefined;
  try {
    application = await findApplication(exports);
  } catch (thrown) {
    throw unusable(path, 'an application was wanted', describeThrown(thrown), thrown);
  }
  if (application === undefined) {
    const found = Object.keys(exports).filter(
      (name) => exports[name] !== undefined && name !== 'module.exports',
    );
    const got = found.length === 0 ? 'no exports' : `exports ${found.join(', ')}`;
    throw unusable(path, 'an application exported as default, app, handler or application was wanted', got);
  }
  return { application, ...hook(exports, 'startup'), ...hook(exports, 'shutdown') };
}
