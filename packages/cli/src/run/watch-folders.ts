import { type FSWatcher, readdirSync, statSync, watch } from 'node:fs';
import { join } from 'node:path';
import { LameduckError } from '@lameduck/core';

/** Written by tools, not by whoever works on the application; or far too large. */
const ignored: ReadonlySet<string> = new Set(['node_modules', 'dist', 'build', 'coverage']);
const isBackup = /(~|\.swp|\.swx|\.tmp|\.log|\.pid|\.sock)$/;

function isIgnored(name: string): boolean {
  // Vim makes a file 4913 to see whether it may write.
  return name.startsWith('.') || ignored.has(name) || isBackup.test(name) || name === '4913';
}

/**
 * Tells each change of a file below the folders, new folders included. Not `watch(…, { recursive })`: on Linux that
 * watches `node_modules` as well. Returns what ends it.
 */
export function watchFolders(roots: readonly string[], onChange: (file: string) => void): () => void {
  const watchers = new Map<string, FSWatcher>();

  function add(folder: string): void {
    if (watchers.has(folder)) return;
    const watcher = watch(folder, (_event, name) => {
      if (name === null || isIgnored(name)) return;
      const path = join(folder, name);
      if (isFolder(path)) addTree(path);
      onChange(path);
    });
    watchers.set(folder, watcher);
    watcher.on('error', () => remove(folder));
  }

  function addTree(folder: string): void {
    try {
      add(folder);
      for (const entry of readdirSync(folder, { withFileTypes: true }))
        if (entry.isDirectory() && !isIgnored(entry.name)) addTree(join(folder, entry.name));
    } catch {
      // It went away while we looked.
      remove(folder);
    }
  }

  function remove(folder: string): void {
    watchers.get(folder)?.close();
    watchers.delete(folder);
  }

  for (const root of roots) addTree(root);
  return () => {
    for (const folder of [...watchers.keys()]) remove(folder);
  };
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

/** Throws `config` for one that is no folder. */
export function checkFolders(folders: readonly string[]): void {
  for (const folder of folders) {
    if (isFolder(folder)) continue;
    const message = `Cannot watch "${folder}": an existing folder is wanted: current value is none`;
    throw new LameduckError('config', message, { folder });
  }
}
