import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { isIPv4 } from 'node:net';
import type { LiteralAddress } from './resolve-nodes.ts';

/**
 * The remote address, user and inode of a line of /proc/net/tcp in a state in which a request may be under way or about to be:
 * ESTABLISHED (01) and SYN_SENT (02). A busy machine has tens of thousands of lines in TIME_WAIT: to split them all is dear.
 */
const openLine = / (\S+) 0[12] \S+ \S+ \S+ +(\d+) +\d+ (\d+) /g;

/** How many connections there are to an address; see `countSockets`. */
export type SocketCounter = (address: LiteralAddress) => number | undefined;

/**
 * How many connections these processes have, or make, to the address. `undefined` where /proc cannot tell: a
 * unix socket's other end is not shown there. Idle keep-alive connections count too.
 */
export function countSockets(pids: readonly number[], address: LiteralAddress): number | undefined {
  return createSocketCounter(pids)(address);
}

/**
 * The same for many addresses: what the kernel shows is read once, and only if it is needed. Each of its two tables costs it a
 * walk over all connections of both kinds, 20 ms and more; nginx connects to an IPv4 address by IPv4.
 */
export function createSocketCounter(pids: readonly number[]): SocketCounter {
  const [first] = pids;
  const owned = new Map<number, Owned>();
  const tables = new Map<Table, ReadonlyMap<string, Row[]>>();
  const rowsOf = (table: Table): ReadonlyMap<string, Row[]> => {
    // The network namespace of nginx, which need not be ours.
    const rows =
      tables.get(table) ?? Map.groupBy(readRows(`/proc/${first}/net/${table}`), ({ remote }) => remote);
    tables.set(table, rows);
    return rows;
  };
  return (address) => {
    if (address.kind === 'unix') return undefined;
    if (first === undefined) return 0;
    const rows =
      rowsOf(isIPv4(address.host) ? 'tcp' : 'tcp6').get(remoteForm(address.host, address.port)) ?? [];
    const inodes = new Map(rows.map(({ inode, uid }) => [inode, uid]));
    if (inodes.size === 0) return 0;
    for (const pid of pids) if (!owned.has(pid)) owned.set(pid, ownedBy(pid));
    return countOwned([...owned.values()], inodes);
  };
}

type Table = 'tcp' | 'tcp6';

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
  readonly uid: string;
  readonly inode: string;
}

function readRows(file: string): Row[] {
  const lines = readText(file).matchAll(openLine);
  return Array.from(lines, ([, remote = '', uid = '', inode = '']) => ({ remote, uid, inode }));
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'latin1');
  } catch {
    return '';
  }
}

/** How /proc/net/tcp and tcp6 write the address: words in the machine's byte order (little-endian), port as it is. */
function remoteForm(host: string, port: number): string {
  const words = isIPv4(host) ? ipv4Words(host) : ipv6Words(host);
  const hex = words.map((word) => (word.match(/../g) ?? []).reverse().join('').toUpperCase()).join('');
  return `${hex}:${port.toString(16).toUpperCase().padStart(4, '0')}`;
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
