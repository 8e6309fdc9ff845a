import { randomBytes } from 'node:crypto';
import { open, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { makeFolder } from '../../make-folder.ts';

/** The file's bytes; `undefined` where there is none. */
export async function readIfThere(path: string): Promise<Buffer | undefined> {
  try {
    return await readFile(path);
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw thrown;
  }
}

/**
 * Replaces the file so that a reader, and a power cut, sees the old bytes or the new ones and nothing between.
 * Keeps the mode and owner of the file before; a new one is for its owner alone.
 */
export async function replaceFile(path: string, content: string | Buffer): Promise<void> {
  makeFolder(dirname(path));
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`;
  const former = await stat(path).catch(() => undefined);
  try {
    const file = await open(temporary, 'wx', former === undefined ? 0o600 : former.mode & 0o777);
    try {
      if (former !== undefined) await file.chown(former.uid, former.gid).catch(() => undefined);
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (thrown) {
    await rm(temporary, { force: true });
    throw thrown;
  }
  await syncFolder(dirname(path));
}

/** Puts back what `readIfThere` gave: the same bytes, or no file. */
export async function restoreFile(path: string, former: Buffer | undefined): Promise<void> {
  if (former !== undefined) return await replaceFile(path, former);
  await rm(path, { force: true });
  await syncFolder(dirname(path));
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
