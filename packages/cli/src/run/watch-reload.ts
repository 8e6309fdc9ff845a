import { LameduckError } from '@lameduck/core';
import type { Logger } from 'pino';
import { watchFolders } from './watch-folders.ts';

/** Editors write a file in several steps, and tools write many files at once: one reload for all of that. */
const quietMs = 150;
/** So many reloads in a row, each this soon after the one before, are hardly somebody's work. */
const loopReloads = 4;
const loopMs = 3000;

/** What is watched and what is done then. */
export interface WatchOptions {
  readonly folders: readonly string[];
  readonly reload: () => Promise<number>;
  readonly logger: Logger;
}

/**
 * Reloads whenever a file changes: the old workers serve until the new ones are ready, and go on where those fail.
 * Returns what ends it.
 */
export function watchAndReload({ folders, reload, logger }: WatchOptions): () => void {
  let changed = new Set<string>();
  let timer: NodeJS.Timeout | undefined;
  let lastAt = Number.NEGATIVE_INFINITY;
  let inRow = 0;

  /** Told once for each row: what an application writes into a watched folder reloads it again and again. */
  function watchForLoop(files: readonly string[]): void {
    const now = performance.now();
    inRow = now - lastAt < loopMs ? inRow + 1 : 1;
    lastAt = now;
    if (inRow !== loopReloads) return;
    logger.warn(
      { files: files.slice(0, 5) },
      'reloading again and again: does the application write these files? Write elsewhere, or name the folders of the code with --reload-dir',
    );
  }

  function reloadNow(): void {
    const files = [...changed];
    changed = new Set();
    watchForLoop(files);
    logger.info({ files: files.slice(0, 5), count: files.length }, 'files changed, reloading');
    reload().then(
      (generation) => logger.info({ generation }, 'reloaded'),
      (thrown: unknown) =>
        logger.error(
          { reason: LameduckError.from(thrown).message },
          'reload failed, the old workers serve on',
        ),
    );
  }

  const close = watchFolders(folders, (file) => {
    changed.add(file);
    clearTimeout(timer);
    timer = setTimeout(reloadNow, quietMs);
  });
  logger.info({ folders }, 'watching for changes');
  return () => {
    clearTimeout(timer);
    close();
  };
}
