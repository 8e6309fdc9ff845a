import { LameduckError } from '@lameduck/core';
import type { Logger } from 'pino';
import { watchFolders } from './watch-folders.ts';

/** Editors write a file in several steps, and tools write many files at once: one reload for all of that. */
const quietMs = 150;

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

  function reloadNow(): void {
    const files = [...changed];
    changed = new Set();
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
