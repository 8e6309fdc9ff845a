import { readFile, readlink } from 'node:fs/promises';
import * as net from 'node:net';
import { getSystemErrorName } from 'node:util';
import { type Address, LameduckError } from '@lameduck/core';
import type { Listener } from './bind-address.ts';
import { inodeOf, unlinkIfSame } from './socket-file.ts';

interface SocketName {
  address?: string;
  port?: number;
}

interface AdoptedHandle {
  readonly fd: number;
  /** Missing on unix sockets. */
  getsockname?(out: SocketName): number;
  getpeername?(out: SocketName): number;
  close(): void;
}

/** Internal, yet the same from 20 to 26: a handle that does not accept, unlike `net.Server`. */
type CreateServerHandle = (host: null, port: number, family: number, fd: number) => AdoptedHandle | number;
const createServerHandle = (net as unknown as { _createServerHandle: CreateServerHandle })
  ._createServerHandle;

/**
 * Uses a listening socket that another process bound; a unix socket's file is not ours unless told. Code: `config`
 * where the descriptor is none.
 */
export async function adoptSocket(fd: number, known?: Address): Promise<Listener> {
  const target = await readlink(`/proc/self/fd/${fd}`).catch(() => undefined);
  // Where none was passed, Node has used the number for itself by now.
  if (target === undefined || target.startsWith('anon_inode:')) throw unusable(fd, 'not passed');
  if (!target.startsWith('socket:')) throw unusable(fd, target);
  const handle = open(fd);
  const address = await (known === undefined ? addressOf(handle, fd) : Promise.resolve(known)).catch(
    (error: unknown) => {
      handle.close();
      throw error;
    },
  );
  const inode = address.kind === 'unix' ? await inodeOf(address.path) : undefined;
  let isOwner = false;
  return {
    fd,
    address,
    get ownsFile(): boolean {
      return isOwner;
    },
    own: (isOurs) => {
      isOwner = isOurs;
    },
    close: async () => {
      if (isOwner && address.kind === 'unix') await unlinkIfSame(address.path, inode);
      handle.close();
    },
  };
}

function open(fd: number): AdoptedHandle {
  try {
    const handle = createServerHandle(null, 0, -1, fd);
    if (typeof handle !== 'number') return handle;
    throw new Error(getSystemErrorName(handle));
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw unusable(fd, code === 'ERR_INVALID_FD_TYPE' ? 'something else' : (code ?? message), error);
  }
}

async function addressOf(handle: AdoptedHandle, fd: number): Promise<Address> {
  if (handle.getsockname === undefined) return unixAddressOf(fd);
  const name: SocketName = {};
  if (handle.getpeername?.({}) === 0) throw unusable(fd, 'a connection (Accept=yes)');
  if (handle.getsockname(name) !== 0 || name.address === undefined || name.port === undefined)
    throw unusable(fd, 'a socket without an address');
  return { kind: 'tcp', host: name.address, port: name.port };
}

/** Bit of a listening socket in the flags of /proc/net/unix (`SO_ACCEPTCON`). */
const acceptsFlag = 0x10000;

async function unixAddressOf(fd: number): Promise<Address> {
  const inode = /^socket:\[(\d+)\]$/.exec(await readlink(`/proc/self/fd/${fd}`).catch(() => ''))?.[1];
  if (inode === undefined) throw unusable(fd, 'a pipe or a file');
  const table = await readFile('/proc/net/unix', 'utf8').catch(() => '');
  const fields = table
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .find((columns) => columns[6] === inode);
  const [, , , flags = '0', , , , path] = fields ?? [];
  if (path === undefined) throw unusable(fd, 'a unix socket without a path');
  if ((Number.parseInt(flags, 16) & acceptsFlag) === 0) throw unusable(fd, 'a connection (Accept=yes)');
  return { kind: 'unix', path };
}

function unusable(fd: number, got: string, cause?: unknown): LameduckError {
  return new LameduckError(
    'config',
    `Cannot use the passed descriptor "${fd}": a listening stream socket was wanted: current value is ${got}`,
    { fd },
    cause,
  );
}
