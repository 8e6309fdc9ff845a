import { readdir, readFile, readlink } from 'node:fs/promises';

const listening = '0A';

/** The pid that listens on a TCP port, where /proc tells (Linux; other users' processes only as root). */
export async function findPortHolder(port: number): Promise<number | undefined> {
  const inodes = new Set<string>();
  for (const table of ['/proc/net/tcp', '/proc/net/tcp6']) {
    const text = await readFile(table, 'utf8').catch(() => '');
    for (const line of text.split('\n').slice(1)) {
      const [, local = '', , state, , , , , , inode = ''] = line.trim().split(/\s+/);
      const portText = local.slice(local.lastIndexOf(':') + 1);
      if (state === listening && Number.parseInt(portText, 16) === port) inodes.add(`socket:[${inode}]`);
    }
  }
  return inodes.size === 0 ? undefined : findHolder(inodes);
}

/** Workers hold the socket of their master, too: the one whose parent does not is meant. */
async function findHolder(links: ReadonlySet<string>): Promise<number | undefined> {
  const entries = await readdir('/proc').catch(() => []);
  const holders = new Set<number>();
  for (const pid of entries.filter((entry) => /^\d+$/.test(entry)))
    if (await holds(pid, links)) holders.add(Number(pid));
  for (const pid of holders) if (!holders.has(await parentOf(pid))) return pid;
  return undefined;
}

async function holds(pid: string, links: ReadonlySet<string>): Promise<boolean> {
  const descriptors = await readdir(`/proc/${pid}/fd`).catch(() => []);
  for (const fd of descriptors)
    if (links.has(await readlink(`/proc/${pid}/fd/${fd}`).catch(() => ''))) return true;
  return false;
}

async function parentOf(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  // The name before it may hold anything, parentheses too.
  return Number(
    text
      .slice(text.lastIndexOf(')') + 1)
      .trim()
      .split(' ')[1] ?? 0,
  );
}
