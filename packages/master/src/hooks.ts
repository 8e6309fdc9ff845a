import { LameduckError, type RecycleReason } from '@lameduck/core';
import type { Logger } from 'pino';

/** One worker, as hooks are told of it. */
export interface HookWorker {
  readonly id: number;
  readonly generation: number;
  readonly pid?: number | undefined;
}

/**
 * The user's functions around the life of a master, in the master's process: keep them short, as the master does
 * nothing else meanwhile. They get plain data. An error is logged and changes nothing, but for `onStarting`.
 */
export interface MasterHooks {
  /** Before anything is bound; awaited. An error refuses the start. */
  onStarting?(info: { readonly pid: number; readonly entry: string; readonly workers: number }): unknown;
  /** All first workers are ready. */
  whenReady?(info: { readonly pid: number; readonly address: string }): unknown;
  preFork?(worker: HookWorker): unknown;
  postFork?(worker: HookWorker): unknown;
  workerReady?(worker: HookWorker): unknown;
  workerExit?(worker: HookWorker & { readonly code: number | null; readonly signal: string | null }): unknown;
  /** A worker is about to be replaced for its age or memory. */
  onRecycle?(worker: HookWorker & { readonly reason: RecycleReason }): unknown;
  onReload?(info: { readonly generation: number }): unknown;
  /** The reload has ended: `error` says why it failed. */
  reloaded?(info: { readonly generation: number; readonly error?: string }): unknown;
  /** All workers have left; awaited, two seconds at most. */
  onExit?(info: { readonly code: number }): unknown;
}

/** Every hook there is, for whoever checks a settings file. */
export const hookNames: readonly (keyof MasterHooks)[] = [
  'onStarting',
  'whenReady',
  'preFork',
  'postFork',
  'workerReady',
  'workerExit',
  'onRecycle',
  'onReload',
  'reloaded',
  'onExit',
];

type Name = keyof MasterHooks;
type Info<Key extends Name> = Parameters<NonNullable<MasterHooks[Key]>>[0];

const exitMs = 2000;

/** Calls the hooks of one master. */
export interface HookCaller {
  /** Never throws and waits for nothing. */
  call<Key extends Name>(name: Key, info: Info<Key>): void;
  /** Throws `startFailed`. */
  starting(info: Info<'onStarting'>): Promise<void>;
  exit(info: Info<'onExit'>): Promise<void>;
}

/** See `MasterHooks`. */
export function createHooks(hooks: MasterHooks = {}, logger: Logger, startMs: number): HookCaller {
  async function run<Key extends Name>(name: Key, info: Info<Key>): Promise<void> {
    try {
      await (hooks[name] as ((info: Info<Key>) => unknown) | undefined)?.(info);
    } catch (thrown) {
      logger.error({ hook: name, reason: describe(thrown) }, 'hook failed');
    }
  }
  return {
    call(name, info) {
      // Most masters have none: no promise for them.
      if (hooks[name] !== undefined) void run(name, info);
    },
    async starting(info) {
      try {
        await within(startMs, hooks.onStarting?.(info));
      } catch (thrown) {
        const wanted = 'an onStarting hook without an error was wanted';
        const message = `Cannot start "${info.entry}": ${wanted}: current value is ${describe(thrown)}`;
        throw new LameduckError('startFailed', message, { hook: 'onStarting' }, thrown);
      }
    },
    async exit(info) {
      await within(exitMs, run('onExit', info)).catch((thrown: unknown) =>
        logger.error({ hook: 'onExit', reason: describe(thrown) }, 'hook failed'),
      );
    },
  };
}

async function within(ms: number, work: unknown): Promise<void> {
  if (!(work instanceof Promise)) return;
  let timer: NodeJS.Timeout | undefined;
  const expired = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not done within ${ms} ms`)), ms);
  });
  await Promise.race([work, expired]).finally(() => clearTimeout(timer));
}

function describe(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
