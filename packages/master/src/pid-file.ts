import { open, readFile, rename, stat, unlink } from 'node:fs/promises';
import { LameduckError } from '@lameduck/core';

/** Ticks in a second of /proc (USER_HZ): 100 on every Linux this runs on. */
const ticksPerSecond = 100;
/** /proc rounds to ticks and boot time to seconds. */
const toleranceMs = 2000;

/** Refuses (`alreadyRunning`) where the file names a live process older than the file; a stale file is fine. */
export async function checkPidFile(path: string): Promise<void> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw pidFileError('read', path, 'a readable file or none', error.code ?? error.message, error);
  });
  if (text.trim() === '') return;
  const pid = Number(text.trim());
  if (!Number.isSafeInteger(pid) || pid < 1)
    throw pidFileError('use', path, 'a pid', JSON.stringify(text.slice(0, 40)));
  // In a container the last run may have had our own pid.
  if (pid === process.pid || !(await isSameProcess(pid, path))) return;
  throw new LameduckError(
    'alreadyRunning',
    `Cannot use pid file "${path}": no running process was wanted: current value is pid ${pid}`,
    { pidfile: path, pid },
  );
}

/** A pid alone proves nothing: its process must run, not be a zombie, and have begun before the file was written. */
async function isSameProcess(pid: number, path: string): Promise<boolean> {
  const line = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  if (line === undefined) return false;
  const fields = line.slice(line.lastIndexOf(')') + 2).split(' ');
  if (fields[0] === 'Z' || fields[0] === 'X') return false;
  const boot = /^btime (\d+)$/m.exec(await readFile('/proc/stat', 'utf8').catch(() => ''))?.[1];
  if (boot === undefined) return true;
  const startedAt = Number(boot) * 1000 + (Number(fields[19]) / ticksPerSecond) * 1000;
  const { mtimeMs } = await stat(path);
  return startedAt <= mtimeMs + toleranceMs;
}

/** Writes our pid, whole or not at all. Codes: `pidFile`. */
export async function writePidFile(path: string): Promise<void> {
  const temporary = `${path}.${process.pid}`;
  try {
    const file = await open(temporary, 'w', 0o644);
    try {
      await file.writeFile(`${process.pid}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await unlink(temporary).catch(() => undefined);
    const { code, message } = error as NodeJS.ErrnoException;
    throw pidFileError('write', path, 'a writable path', code ?? message, error);
  }
}

/** Removes the file if it still names us. */
export async function removePidFile(path: string): Promise<void> {
  const text = await readFile(path, 'utf8').catch(() => '');
  if (text.trim() === String(process.pid)) await unlink(path).catch(() => undefined);
}

function pidFileError(
  action: string,
  path: string,
  wanted: string,
  got: string,
  cause?: unknown,
): LameduckError {
  return new LameduckError(
    'pidFile',
    `Cannot ${action} pid file "${path}": ${wanted} was wanted: current value is ${got}`,
    { pidfile: path },
    cause,
  );
}
