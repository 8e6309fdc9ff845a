import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { isIPv4 } from 'node:net';
import type { LiteralAddress } from './resolve-nodes.ts';

// States of /proc/net/tcp in which a request may be under way or about to be: ESTABLISHED and SYN_SENT.
const openStates: ReadonlySet<string> = new Set(['01', '02']);

/**
 * How many connections these processes have, or make, to the address. `undefined` where /proc cannot tell: a
 * unix socket's other end is not shown there. Idle keep-alive connections count too.
 */
export function countSockets(pids: readonly number[], address: LiteralAddress): number | undefined {
  if (address.kind === 'unix') return undefined;
  const [first] = pids;
  if (first === undefined) return 0;
  // The network namespace of nginx, which need not be ours.
  const inodes = new Map<string, string>();
  const remotes = remoteForms(address.host, address.port);
  for (const file of [`/proc/${first}/net/tcp`, `/proc/${first}/net/tcp6`]) {
    for (const { remote, state, uid, inode } of readRows(file)) {
      if (remotes.has(remote) && openStates.has(state)) inodes.set(inode, uid);
    }
  }
  return inodes.size === 0 ? 0 : countOwned(pids, inodes);
}

// The descriptors of another user's process cannot be read: then all its user's sockets to the node are counted,
// which is still an upper bound.
function countOwned(pids: readonly number[], inodes: ReadonlyMap<string, string>): number {
  const counted = new Set<string>();
  for (const pid of pids) {
    const owned = ownedInodes(pid);
    const uid = owned === undefined ? readUid(pid) : undefined;
    for (const [inode, owner] of inodes) {
      if (owned === undefined ? owner === uid : owned.has(inode)) counted.add(inode);
    }
  }
  return counted.size;
}

/** The socket inodes that the process holds; `undefined` where we may not look. */
function ownedInodes(pid: number): ReadonlySet<string> | undefined {
  const folder = `/proc/${pid}/fd`;
  const found = new Set<string>();
  try {
    for (const fd of readdirSync(folder)) {
      const inode = /^socket:\[(\d+)\]$/.exec(readLink(`${folder}/${fd}`))?.[1];
      if (inode !== undefined) found.add(inode);
    }
    return found;
  } catch (thrown) {
    return (thrown as NodeJS.ErrnoException).code === 'ENOENT' ? found : undefined;
  }
}

function readLink(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return ''; // closed meanwhile
  }
}

function readUid(pid: number): string | undefined {
  return /^Uid:\s+\d+\s+(\d+)/m.exec(readText(`/proc/${pid}/status`))?.[1];
}

interface Row {
  readonly remote: string;
  readonly state: string;
  readonly uid: string;
  readonly inode: string;
}

function readRows(file: string): Row[] {
  const lines = readText(file).split('\n').slice(1);
  return lines.map((line) => {
    const [, , remote = '', state = '', , , , uid = '', , inode = ''] = line.trim().split(/\s+/);
    return { remote, state, uid, inode };
  });
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'latin1');
  } catch {
    return '';
  }
}

/** How /proc/net/tcp and tcp6 write the address: words in the machine's byte order (little-endian), port as it is. */
function remoteForms(host: string, port: number): ReadonlySet<string> {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const words = isIPv4(host) ? ipv4Words(host) : ipv6Words(host);
  const hex = words.map((word) => (word.match(/../g) ?? []).reverse().join('').toUpperCase()).join('');
  const mapped = `${'0'.repeat(16)}FFFF0000${hex}`;
  return new Set(isIPv4(host) ? [hex + suffix, mapped + suffix] : [hex + suffix]);
}

function ipv4Words(host: string): string[] {
  const bytes = host.split('.').map((part) => Number(part).toString(16).padStart(2, '0'));
  return [bytes.join('')];
}

function ipv6Words(host: string): string[] {
  // URL gives the canonical form: no IPv4 tail, at most one "::".
  const [left = '', right] = new URL(`http://[${host}]`).hostname.slice(1, -1).split('::');
  const groups = (text: string | undefined): string[] => (text ? text.split(':') : []);
  const [head, tail] = [groups(left), groups(right)];
  const middle = new Array<string>(8 - head.length - tail.length).fill('0');
  const hex = [...head, ...middle, ...tail].map((group) => group.padStart(4, '0')).join('');
  return hex.match(/.{8}/g) ?? [];
}
