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
  return createSocketCounter(pids)(address);
}

/** The same for many addresses: what the kernel shows is read once, and only if it is needed. */
export function createSocketCounter(
  pids: readonly number[],
): (address: LiteralAddress) => number | undefined {
  const [first] = pids;
  const owned = new Map<number, Owned>();
  let rows: ReadonlyMap<string, Row[]> | undefined;
  return (address) => {
    if (address.kind === 'unix') return undefined;
    if (first === undefined) return 0;
    // The network namespace of nginx, which need not be ours.
    rows ??= openRows([`/proc/${first}/net/tcp`, `/proc/${first}/net/tcp6`]);
    const inodes = new Map<string, string>();
    for (const remote of remoteForms(address.host, address.port))
      for (const { inode, uid } of rows.get(remote) ?? []) inodes.set(inode, uid);
    if (inodes.size === 0) return 0;
    for (const pid of pids) if (!owned.has(pid)) owned.set(pid, ownedBy(pid));
    return countOwned([...owned.values()], inodes);
  };
}

function openRows(files: readonly string[]): ReadonlyMap<string, Row[]> {
  const rows = files.flatMap(readRows).filter(({ state }) => openStates.has(state));
  return Map.groupBy(rows, ({ remote }) => remote);
}

/** What a process holds; where we may not look, whose it is. */
interface Owned {
  readonly inodes: ReadonlySet<string> | undefined;
  readonly uid: string | undefined;
}

function ownedBy(pid: number): Owned {
  const inodes = ownedInodes(pid);
  return { inodes, uid: inodes === undefined ? readUid(pid) : undefined };
}

// The descriptors of another user's process cannot be read: then all its user's sockets to the node are counted,
// which is still an upper bound.
function countOwned(processes: readonly Owned[], sockets: ReadonlyMap<string, string>): number {
  const counted = new Set<string>();
  for (const { inodes, uid } of processes) {
    for (const [inode, owner] of sockets) {
      if (inodes === undefined ? owner === uid : inodes.has(inode)) counted.add(inode);
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
