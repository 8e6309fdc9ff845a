import { readFileSync } from 'node:fs';
import type { Application } from '../application.ts';
import {
  type Entry,
  type EntryHooks,
  type Exports,
  nothingToServe,
  readApplication,
  readExports,
  readHooks,
} from '../entry.ts';
import { logWarning } from '../log.ts';
import { WorkerError } from '../worker-error.ts';
import type { HeldListen, ListenWatch } from './listen-watch.ts';
import { asksForMain, importMain } from './main-module.ts';

/** What an entry turned out to be: an application that it exports, a program that listens by itself, or both in one. */
export interface Loaded extends Entry {
  /** Its first `listen()`, where that is what is served; it may listen on the inherited socket already. */
  readonly program?: HeldListen;
}

/** A program that is the main module may connect to its database before it listens; this long nobody wonders. */
const wonderMs = 5000;

interface Found {
  readonly exports: Exports;
  readonly application: Application | undefined;
}

/**
 * Loads the entry as the main module. What it exports is served; where that is nothing, or where it listens as the main
 * module or tells the very thing that it exports to listen, its first `listen()` is. A module that waits for that at
 * its top level is told so by `serve` before it has exported anything. Throws `entryUnusable`, also for a program that
 * ends without listening.
 */
export async function load(
  path: string,
  watch: ListenWatch,
  serve: (program: HeldListen) => Promise<void>,
): Promise<Loaded> {
  const finding = find(path);
  const isWaiting = await Promise.race([finding.then(() => false), watch.first.then(turns).then(() => true)]);
  if (isWaiting) await serve(await watch.first);
  const { exports, application } = await finding;
  const hooks = readHooks(exports);
  if (application === undefined)
    return { ...hooks, program: watch.held ?? (await laterListen(watch)) ?? noProgram(path, exports) };
  const isMain = asksForMain(readFileSync(path, 'utf8'));
  const held = watch.held ?? (isMain ? await laterListen(watch, path) : undefined);
  if (held !== undefined && (isMain || serves(held, application)))
    return { ...withClose(hooks, held, application), application, program: held };
  if (isWaiting) {
    const wanted = 'either an exported application or a call of listen() was wanted';
    const message = `Cannot load "${path}": ${wanted}: current value is both`;
    throw new WorkerError('entryUnusable', message);
  }
  watch.end();
  held?.release();
  return { ...hooks, application };
}

function noProgram(path: string, exports: Exports): never {
  throw nothingToServe(path, exports);
}

/** A Fastify instance that listens by itself is closed at the end as one that is exported. */
function withClose(hooks: EntryHooks, { server }: HeldListen, application: Application): EntryHooks {
  const { server: own, close } = application as { server?: unknown; close?: () => unknown };
  if (own !== server || typeof close !== 'function') return hooks;
  const shutdown: EntryHooks['shutdown'] = async (context) => {
    await hooks.shutdown?.(context);
    await close.call(application);
  };
  return { ...hooks, shutdown };
}

async function find(path: string): Promise<Found> {
  const exports = await readExports(path, importMain);
  return { exports, application: await readApplication(path, exports) };
}

/** A module that does not wait for its `listen()` has been imported by then. */
async function turns(): Promise<void> {
  for (let turn = 0; turn < 3; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

/** Does the server that was told to listen serve this application? */
function serves({ server }: HeldListen, application: Application): boolean {
  const value = application as { server?: unknown; callback?: unknown; listen?: unknown };
  if (application === server || value.server === server) return true;
  if (server.listeners('request').includes(application as () => void)) return true;
  // Koa makes a new listener for each server: nothing tells which.
  return typeof value.callback === 'function' && typeof value.listen === 'function';
}

/**
 * A program that opens its database first, say. One that has nothing more to do will never listen: `undefined`.
 * `path`: of one whose application could be served at once.
 */
function laterListen(watch: ListenWatch, path?: string): Promise<HeldListen | undefined> {
  return new Promise((resolve, reject) => {
    // Only what the program waits for keeps the process alive now.
    process.channel?.unref();
    const wonder = setTimeout(() => path !== undefined && tellWaiting(path), wonderMs).unref();
    const settle = (held?: HeldListen): void => {
      clearTimeout(wonder);
      process.removeListener('beforeExit', settleEmpty);
      process.channel?.ref();
      resolve(held);
    };
    const settleEmpty = (): void => settle();
    process.once('beforeExit', settleEmpty);
    watch.first.then(settle, reject);
  });
}

function tellWaiting(entry: string): void {
  logWarning(
    'the entry exports an application and asks whether it is the main module: waiting for its listen()',
    {
      entry,
    },
  );
}
