import { LameduckError } from '@lameduck/core';
import { readIfThere, replaceFile, restoreFile } from './atomic-file.ts';
import { describeRefusal } from './permissions.ts';
import { type NginxRun, refusalLine } from './run-nginx.ts';

/** A tested configuration on disk, and the way back to the one before. */
export interface Installed {
  readonly run: NginxRun;
  /** Puts back the bytes of before. */
  undo(): Promise<void>;
}

/**
 * Writes the files, then tests them in place. Where nginx refuses, every file gets its former bytes back and
 * `edgeRejected` tells nginx's own line.
 */
export async function install(
  edge: string,
  files: ReadonlyMap<string, string>,
  test: () => Promise<NginxRun>,
): Promise<Installed> {
  const former = new Map<string, Buffer | undefined>();
  const undo = async (): Promise<void> => {
    for (const [path, bytes] of [...former].reverse()) await restoreFile(path, bytes);
  };
  try {
    for (const [path, text] of files) {
      const bytes = await readIfThere(path);
      if (bytes?.toString('utf8') === text) continue;
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
