import type { Application } from '../application.ts';
import {
  type Entry,
  type Exports,
  nothingToServe,
  readApplication,
  readExports,
  readHooks,
} from '../entry.ts';
import { WorkerError } from '../worker-error.ts';
import type { HeldListen, ListenWatch } from './listen-watch.ts';

/** What an entry turned out to be: an application that it exports, or a program that listens by itself. */
export interface Loaded extends Entry {
  /** Its first `listen()`, where that is what is served; it may listen on the inherited socket already. */
  readonly program?: HeldListen;
}

interface Found {
  readonly exports: Exports;
  readonly application: Application | undefined;
}

/**
 * Imports the entry. What it exports is served; where that is nothing, or the very thing that it told to listen, its
 * first `listen()` is. A module that waits for that at its top level is told so by `serve` before it has exported
 * anything. Throws `entryUnusable`, also for a program that ends without listening.
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
  const { held } = watch;
  if (application === undefined)
    return { ...hooks, program: held ?? (await laterListen(path, watch, exports)) };
  if (held !== undefined && serves(held, application)) return { ...hooks, program: held };
  if (isWaiting) {
    const wanted = 'either an exported application or a call of listen() was wanted';
    const message = `Cannot load "${path}": ${wanted}: current value is both`;
    throw new WorkerError('entryUnusable', message);
  }
  watch.end();
  held?.release();
  return { ...hooks, application };
}

async function find(path: string): Promise<Found> {
  const exports = await readExports(path);
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

/** A program that opens its database first, say. One that has nothing more to do will never listen. */
function laterListen(path: string, watch: ListenWatch, exports: Exports): Promise<HeldListen> {
  return new Promise((resolve, reject) => {
    // Only what the program waits for keeps the process alive now.
    process.channel?.unref();
    const giveUp = (): void => reject(nothingToServe(path, exports));
    process.once('beforeExit', giveUp);
    watch.first.then((held) => {
      process.removeListener('beforeExit', giveUp);
      process.channel?.ref();
      resolve(held);
    }, reject);
  });
}
