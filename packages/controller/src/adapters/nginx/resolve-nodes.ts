import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { LameduckError } from '@lameduck/core';
import type { EdgeNode } from '../../ports/edge.ts';

/** A node whose address is a literal: Lua's balancer cannot resolve names, and nginx would do so only at a reload. */
export interface ResolvedNode {
  readonly name: string;
  readonly weight: number;
  readonly address: LiteralAddress;
}

export type LiteralAddress =
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string };

/** Resolves the host names of nodes, once, IPv4 first. Throws `config` for a name that has no address. */
export async function resolveNodes(nodes: readonly EdgeNode[]): Promise<readonly ResolvedNode[]> {
  return await Promise.all(nodes.map(resolveNode));
}

async function resolveNode({ name, weight, address }: EdgeNode): Promise<ResolvedNode> {
  if (address.kind === 'unix') return { name, weight, address };
  if (isIP(address.host) !== 0) return { name, weight, address: canonical(address) };
  try {
    const found = await lookup(address.host, { order: 'ipv4first' });
    return { name, weight, address: canonical({ ...address, host: found.address }) };
  } catch (thrown) {
    const message = `Cannot resolve node "${name}": its host must have an address: current value is ${address.host}`;
    throw new LameduckError('config', message, { node: name, host: address.host }, thrown);
  }
}

/** nginx does not take every spelling of an IPv6 address ("1:2:3:4:5:6:7::"), and tells it back in the shortest one. */
export function canonical<Tcp extends { readonly host: string }>(address: Tcp): Tcp {
  if (isIP(address.host) !== 6) return address;
  return { ...address, host: new URL(`http://[${address.host}]`).hostname.slice(1, -1) };
}
