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

async function findHolder(links: ReadonlySet<string>): Promise<number | undefined> {
  const entries = await readdir('/proc').catch(() => []);
  for (const pid of entries.filter((entry) => /^\d+$/.test(entry))) {
    const descriptors = await readdir(`/proc/${pid}/fd`).catch(() => []);
    for (const fd of descriptors) {
      const link = await readlink(`/proc/${pid}/fd/${fd}`).catch(() => '');
      if (links.has(link)) return Number(pid);
    }
  }
  return undefined;
}
