import { lookup } from 'node:dns/promises';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { isIP } from 'node:net';
import type { Address } from '@lameduck/core';
import { listProcesses, readArguments } from './identity.ts';

/** A socket that accepts connections, by its inode in /proc. */
export type Inode = string;

const tcpListen = '0A';
const acceptsConnections = 0x10000; // __SO_ACCEPTCON of the kernel's flags in /proc/net/unix

/** The listening sockets that a `listen` on the address would collide with, in our network namespace. */
export async function findListeners(address: Address): Promise<readonly Inode[]> {
  if (address.kind === 'unix') return unixListeners(address.path);
  const hosts = await hexHosts(address.host);
  const port = address.port.toString(16).toUpperCase().padStart(4, '0');
  return ['/proc/net/tcp', '/proc/net/tcp6'].flatMap((file) =>
    readRows(file, `:${port} `).flatMap(([, local = '', , state, , , , , , inode = '']) => {
      const [host = '', localPort] = local.split(':');
      return state === tcpListen && localPort === port && collides(host, hosts) ? [inode] : [];
    }),
  );
}

/** Whether the process holds one of the sockets. */
export function holdsListener(pid: number, inodes: readonly Inode[]): boolean {
  return listenerFds(pid, inodes).length > 0;
}

/** Whether the process waits for connections on one of the sockets: it is in an epoll set of the process. */
export function acceptsOn(pid: number, inodes: readonly Inode[]): boolean {
  const fds = listenerFds(pid, inodes);
  if (fds.length === 0) return false;
  return readFds(pid)
    .filter(([, target]) => target === 'anon_inode:[eventpoll]')
    .some(([fd]) => {
      const watched = readText(`/proc/${pid}/fdinfo/${fd}`);
      return fds.some((listener) => new RegExp(`^tfd:\\s+${listener}\\s`, 'm').test(watched));
    });
}

/** Who holds one of the sockets, as `pid 123 (python3 -m http.server)`, where /proc tells. */
export function describeHolder(inodes: readonly Inode[]): { readonly pid?: number; readonly text: string } {
  const holder = listProcesses().find(({ pid }) => holdsListener(pid, inodes));
  if (holder === undefined) return { text: 'held by a process that /proc does not show' };
  return { pid: holder.pid, text: `held by pid ${holder.pid} (${readArguments(holder.pid).join(' ')})` };
}

function unixListeners(path: string): readonly Inode[] {
  return readRows('/proc/net/unix').flatMap(([, , , flags = '0', , , inode = '', name]) =>
    name === path && (Number.parseInt(flags, 16) & acceptsConnections) !== 0 ? [inode] : [],
  );
}

/** `having`: only lines with this text; to take each of thousands of connections apart would block the event loop. */
function readRows(file: string, having = ''): string[][] {
  const all = readText(file).split('\n').slice(1);
  const lines = all.filter((line) => line.includes(having));
  return lines.map((line) => line.trim().split(/\s+/)).filter((fields) => fields.length > 1);
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

function readFds(pid: number): [fd: string, target: string][] {
  try {
    return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
      try {
        return [[fd, readlinkSync(`/proc/${pid}/fd/${fd}`)] as [string, string]];
      } catch {
        return []; // closed meanwhile
      }
    });
  } catch {
    return []; // ended meanwhile, or of another user
  }
}

function listenerFds(pid: number, inodes: readonly Inode[]): string[] {
  const targets = new Set(inodes.map((inode) => `socket:[${inode}]`));
  return readFds(pid).flatMap(([fd, target]) => (targets.has(target) ? [fd] : []));
}

const wildcards: ReadonlySet<string> = new Set(['0'.repeat(8), '0'.repeat(32)]);

// A wildcard collides with every address. That `::` may be for IPv6 only cannot be read here.
function collides(listening: string, wanted: ReadonlySet<string>): boolean {
  return wildcards.has(listening) || [...wanted].some((host) => wildcards.has(host) || host === listening);
}

async function hexHosts(host: string): Promise<ReadonlySet<string>> {
  const found = isIP(host) === 0 ? await lookup(host, { all: true }).catch(() => []) : [{ address: host }];
  return new Set(
    found.flatMap(({ address }) => (isIP(address) === 4 ? hexOfIpv4(address) : hexOfIpv6(address))),
  );
}

/** The kernel prints each 32-bit word of an address in the order of the machine's bytes; Node runs on little-endian. */
function reverseWords(hex: string): string {
  return hex.replace(/(..)(..)(..)(..)/g, '$4$3$2$1').toUpperCase();
}

function hexOfIpv4(address: string): string[] {
  const hex = address.split('.').map((part) => Number(part).toString(16).padStart(2, '0'));
  // A socket of IPv6 may hold an IPv4 address in its mapped form.
  return [reverseWords(hex.join('')), reverseWords(`${'0'.repeat(20)}ffff${hex.join('')}`)];
}

function hexOfIpv6(address: string): string[] {
  const canonical = new URL(`http://[${address}]`).hostname.slice(1, -1);
  const [head = '', tail] = canonical.split('::');
  const words = (text: string): string[] => (text === '' ? [] : text.split(':'));
  const right = tail === undefined ? [] : words(tail);
  const left = words(head);
  const middle = new Array<string>(8 - left.length - right.length).fill('0');
  return [reverseWords([...left, ...middle, ...right].map((word) => word.padStart(4, '0')).join(''))];
}
