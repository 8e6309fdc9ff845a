import { lookup } from 'node:dns/promises';
import { link, unlink } from 'node:fs/promises';
import * as net from 'node:net';
import { getSystemErrorName } from 'node:util';
import { type Address, formatAddress, LameduckError } from '@lameduck/core';
import { findPortHolder } from './port-holder.ts';
import { inodeOf, probeSocketFile, unlinkIfSame, withFileMode } from './socket-file.ts';

/** A bound socket that this process holds and never accepts on: the queue outlives every worker. */
export interface Listener {
  readonly fd: number;
  /** With the real port where port 0 was asked for. */
  readonly address: Address;
  /** The file of a unix socket is ours to remove. */
  readonly ownsFile: boolean;
  own(isOurs: boolean): void;
  /** Gives the socket up, and removes a unix socket's file if it is still ours. */
  close(): Promise<void>;
}

type TcpAddress = Extract<Address, { kind: 'tcp' }>;
type UnixAddress = Extract<Address, { kind: 'unix' }>;

interface BoundHandle {
  readonly fd: number;
  getsockname(out: { port?: number }): number;
  close(): void;
}

/** The way before `net.BoundSocket` (Node 24.19), and for unix sockets; internal, yet the same from 20 to 26. */
type CreateServerHandle = (host: string, port: number, family: number) => BoundHandle | number;
const createServerHandle = (net as unknown as { _createServerHandle: CreateServerHandle })
  ._createServerHandle;

/** Binds without listening: the first worker listens. Codes: `addressInUse`, `startFailed`. */
export async function bindAddress(address: Address, socketMode = 0o600): Promise<Listener> {
  return address.kind === 'tcp' ? bindTcp(address) : bindUnix(address, socketMode);
}

async function bindTcp(address: TcpAddress): Promise<Listener> {
  const { host, family } = await resolveHost(address);
  try {
    const bound = openTcp(host, address.port, family);
    return {
      fd: bound.fd,
      address: { ...address, port: bound.port },
      ownsFile: false,
      own: () => undefined,
      close: async () => bound.close(),
    };
  } catch (error) {
    const holder = codeOf(error) === 'EADDRINUSE' ? await findPortHolder(address.port) : undefined;
    throw bindError(address, error, holder);
  }
}

async function resolveHost(address: TcpAddress): Promise<{ host: string; family: number }> {
  const family = net.isIP(address.host);
  if (family !== 0) return { host: address.host, family };
  try {
    const found = await lookup(address.host);
    return { host: found.address, family: found.family };
  } catch (error) {
    throw bindError(address, error);
  }
}

interface BoundTcp {
  readonly fd: number;
  readonly port: number;
  close(): void;
}

function openTcp(host: string, port: number, family: number): BoundTcp {
  if (typeof net.BoundSocket === 'function') {
    const socket = new net.BoundSocket({ host, port });
    return { fd: socket.fd(), port: (socket.address() as net.AddressInfo).port, close: () => socket.close() };
  }
  const handle = createServerHandle(host, port, family);
  if (typeof handle === 'number') throw systemError(handle);
  // libuv keeps the error of a bind for the next call on the handle.
  const name: { port?: number } = {};
  const status = handle.getsockname(name);
  if (status !== 0) {
    handle.close();
    throw systemError(status);
  }
  return { fd: handle.fd, port: name.port ?? port, close: () => handle.close() };
}

/**
 * Bound under a name of our own, then linked to its path: libuv removes the name it bound when the handle is closed,
 * at the end of the process at the latest, and in an upgrade the socket must outlive both.
 */
async function bindUnix(address: UnixAddress, mode: number): Promise<Listener> {
  const { path } = address;
  const found = await probeSocketFile(path).catch((error: unknown) => {
    throw bindError(address, error);
  });
  if (found === 'live' || found === 'otherFile') throw bindError(address, systemError(-98));
  if (found === 'stale') await unlink(path);
  const temporary = `${path}.${process.pid}`;
  await unlink(temporary).catch(() => undefined);
  const handle = withFileMode(mode, () => createServerHandle(temporary, -1, -1));
  if (typeof handle === 'number') throw bindError(address, systemError(handle));
  try {
    // Unlike a rename, it fails where somebody else was faster.
    await link(temporary, path);
    await unlink(temporary);
  } catch (error) {
    handle.close();
    throw bindError(address, codeOf(error) === 'EEXIST' ? systemError(-98) : error);
  }
  const inode = await inodeOf(path);
  let isOwner = true;
  return {
    fd: handle.fd,
    address,
    get ownsFile(): boolean {
      return isOwner;
    },
    own: (isOurs) => {
      isOwner = isOurs;
    },
    close: async () => {
      if (isOwner) await unlinkIfSame(path, inode);
      handle.close();
    },
  };
}

function systemError(status: number): NodeJS.ErrnoException {
  const code = getSystemErrorName(status);
  return Object.assign(new Error(code), { code });
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? 'unknown error';
}

function bindError(address: Address, error: unknown, holder?: number): LameduckError {
  const text = formatAddress(address);
  const code = codeOf(error);
  const isInUse = code === 'EADDRINUSE';
  const held = holder === undefined ? 'held by another process' : `held by pid ${holder}`;
  return new LameduckError(
    isInUse ? 'addressInUse' : 'startFailed',
    isInUse
      ? `Cannot listen on "${text}": a free address was wanted: current value is ${held}`
      : `Cannot listen on "${text}": an address of this machine that we may bind was wanted: current value is ${code}`,
    { address: text, reason: code, ...(holder === undefined ? {} : { pid: holder }) },
    error,
  );
}
