import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { treeOf } from './process-tree.ts';

const established = '01';

/**
 * How many connections to a port each worker has, least first. Counted by event loop, of which each has an epoll of its
 * own: so it works for processes and for threads.
 */
export function connectionSpread(pid: number, port: number): number[] {
  const sockets = establishedAt(port);
  return treeOf(pid)
    .flatMap((one) => spreadOf(one, sockets))
    .filter((count) => count > 0)
    .toSorted((one, other) => one - other);
}

function establishedAt(port: number): ReadonlySet<string> {
  const lines = ['tcp', 'tcp6'].flatMap((file) => readFileSync(`/proc/net/${file}`, 'utf8').split('\n'));
  const fields = lines.map((line) => line.trim().split(/\s+/));
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const ours = fields.filter(([, local, , state]) => local?.endsWith(suffix) && state === established);
  return new Set(ours.map((one) => `socket:[${one[9]}]`));
}

function spreadOf(pid: number, sockets: ReadonlySet<string>): number[] {
  const links = new Map<string, string>();
  for (const fd of readdirSync(`/proc/${pid}/fd`)) {
    try {
      links.set(fd, readlinkSync(`/proc/${pid}/fd/${fd}`));
    } catch {
      // It was closed meanwhile.
    }
  }
  const epolls = [...links].filter(([, link]) => link === 'anon_inode:[eventpoll]');
  return epolls.map(([fd]) => {
    const watched = readFileSync(`/proc/${pid}/fdinfo/${fd}`, 'utf8').matchAll(/^tfd:\s*(\d+)/gm);
    return [...watched].filter(([, one]) => sockets.has(links.get(one ?? '') ?? '')).length;
  });
}
