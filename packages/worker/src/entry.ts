import { existsSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { type Application, describeValue, isApplication } from './application.ts';
import { describeFailure } from './syntax-place.ts';
import type { WorkerContext } from './worker-context.ts';
import { WorkerError } from './worker-error.ts';

/** What a module gives to be served. */
export interface Entry {
  /** None where it is a program that listens by itself. */
  readonly application?: Application | undefined;
  /** Awaited before the worker listens. */
  readonly startup?: (context: WorkerContext) => unknown;
  /** Awaited when nothing is left to answer. */
  readonly shutdown?: (context: WorkerContext) => unknown;
}

/** The exports of an entry by name. */
export type Exports = Readonly<Record<string, unknown>>;

const names = ['default', 'app', 'handler', 'application'] as const;

function unusable(path: string, wanted: string, got: string, cause?: unknown): WorkerError {
  return new WorkerError('entryUnusable', `Cannot load "${path}": ${wanted}: current value is ${got}`, cause);
}

type Load = (path: string) => Promise<Exports>;

const importFile: Load = (path) => import(pathToFileURL(path).href);

async function importEntry(path: string, load: Load): Promise<Exports> {
  if (!existsSync(path)) throw unusable(path, 'an existing file was wanted', 'no such file');
  try {
    return await load(path);
  } catch (thrown) {
    const isType = (thrown as { code?: unknown } | null)?.code === 'ERR_UNKNOWN_FILE_EXTENSION';
    if (isType)
      throw unusable(path, 'Node 22.18 or later, or JavaScript, was wanted', process.version, thrown);
    throw unusable(path, 'a module that can be imported was wanted', await describeFailure(thrown), thrown);
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

type Hook = (context: WorkerContext) => unknown;

function hook(exports: Exports, name: 'startup' | 'shutdown'): Partial<Record<typeof name, Hook>> {
  const value = exports[name];
  return typeof value === 'function' ? { [name]: value as Hook } : {};
}

/** What was exported for the worker beside the application. */
export type EntryHooks = Pick<Entry, 'startup' | 'shutdown'>;

/** Imports a module (`.js`, `.mjs`, `.cjs`, `.ts` where Node can). Throws `entryUnusable`. */
export async function readExports(path: string, load: Load = importFile): Promise<Exports> {
  return flatten(await importEntry(path, load));
}

/**
 * The first of the exports `default`, `app`, `handler`, `application` that can be served, or `fetch`; promises are
 * awaited. Throws `entryUnusable`.
 */
export async function readApplication(path: string, exports: Exports): Promise<Application | undefined> {
  try {
    return await findApplication(exports);
  } catch (thrown) {
    throw unusable(path, 'an application was wanted', await describeFailure(thrown), thrown);
  }
}

export function readHooks(exports: Exports): EntryHooks {
  return { ...hook(exports, 'startup'), ...hook(exports, 'shutdown') };
}

/** The error of a module that exports no application and listens to nothing. */
export function nothingToServe(path: string, exports: Exports): WorkerError {
  const found = Object.keys(exports).filter(
    (name) => exports[name] !== undefined && name !== 'module.exports',
  );
  const got =
    found.length === 0 ? 'no exports' : `exports ${found.map((name) => inWords(name, exports)).join(', ')}`;
  const wanted =
    'a call of listen(), or an application exported as default, app, handler or application was wanted';
  return unusable(path, wanted, got);
}

/** What stands under a name that is looked at is told, too. */
function inWords(name: string, exports: Exports): string {
  return (names as readonly string[]).includes(name) ? `${name} (${describeValue(exports[name])})` : name;
}
