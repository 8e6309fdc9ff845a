import { dirname } from 'node:path';
import { LameduckError } from '@lameduck/core';
import { makeFolder, removeFolders } from '../../make-folder.ts';
import { readIfThere, replaceFile, restoreFile } from './atomic-file.ts';
import { readOwnInclude } from './own-file.ts';
import { describeRefusal } from './permissions.ts';
import { type NginxRun, refusalLine } from './run-nginx.ts';

/** A tested configuration on disk, and the way back to the one before. */
export interface Installed {
  readonly run: NginxRun;
  /** Puts back the bytes of before, and removes what folders were made. */
  undo(): Promise<void>;
}

/** The files to write, each with its text. */
export interface InstallFiles {
  readonly texts: ReadonlyMap<string, string>;
  /** Of an attached nginx: the one among them that may be replaced only where it is ours, and whose it is. */
  readonly guarded?: { readonly path: string; readonly service: string };
}

/**
 * Writes the files, then tests them in place. Where nginx refuses, every file gets its former bytes back and
 * `edgeRejected` tells nginx's own line. Throws `config` where the guarded one is not ours.
 */
export async function install(
  edge: string,
  { texts, guarded }: InstallFiles,
  test: () => Promise<NginxRun>,
): Promise<Installed> {
  const former = new Map<string, Buffer | undefined>();
  const made: { readonly topmost: string; readonly folder: string }[] = [];
  const undo = async (): Promise<void> => {
    for (const [path, bytes] of [...former].reverse()) await restoreFile(path, bytes);
    for (const { topmost, folder } of made) removeFolders(topmost, folder);
  };
  try {
    for (const [path, text] of texts) {
      const bytes =
        path === guarded?.path ? await readOwnInclude(path, guarded.service) : await readIfThere(path);
      if (bytes?.toString('utf8') === text) continue;
      const topmost = makeFolder(dirname(path));
      if (topmost !== undefined) made.push({ topmost, folder: dirname(path) });
      former.set(path, bytes);
      await replaceFile(path, text).catch((thrown: unknown) => {
        const refusal = describeRefusal(thrown, 'write', path);
        // what could not be written needs no way back, which would be refused too
        if (refusal !== thrown) former.delete(path);
        throw refusal;
      });
    }
    const run = await test();
    if (run.isOk) return { run, undo };
    throw rejected(edge, refusalLine(run.stderr));
  } catch (thrown) {
    await undo();
    throw thrown;
  }
}

/** nginx refused, and nothing has changed. */
export function rejected(edge: string, line: string): LameduckError {
  const message = `Cannot change edge "${edge}": nginx must take the configuration, which was rolled back: current value is ${line}`;
  return new LameduckError('edgeRejected', message, { edge, line });
}
