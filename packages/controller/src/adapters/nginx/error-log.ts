import { open, stat } from 'node:fs/promises';

const maxTailBytes = 256 * 1024;

/** Reads what nginx adds to its error log from now on. */
export interface ErrorLogTail {
  /** The first `[emerg]` line since the mark: the cause; later ones only follow from it. */
  emergency(): Promise<string | undefined>;
}

/** Marks the present end of the log. Without a file (stderr, syslog) there is never a line. */
export async function markErrorLog(path: string | undefined): Promise<ErrorLogTail> {
  const start = path === undefined ? 0 : await size(path);
  return {
    emergency: async () => {
      if (path === undefined || (await size(path)) <= start) return undefined;
      const lines = (await readFrom(path, start)).split('\n');
      return lines.find((line) => line.includes('[emerg]'))?.trim();
    },
  };
}

async function size(path: string): Promise<number> {
  return await stat(path).then(
    (found) => (found.isFile() ? found.size : 0),
    () => 0,
  );
}

async function readFrom(path: string, start: number): Promise<string> {
  const file = await open(path, 'r');
  try {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(maxTailBytes), 0, maxTailBytes, start);
    return buffer.toString('utf8', 0, bytesRead);
  } finally {
    await file.close();
  }
}
