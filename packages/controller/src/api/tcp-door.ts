import { isIP } from 'node:net';
import { LameduckError } from '@lameduck/core';
import type { Clock } from '../ports/clock.ts';
import type { ApiContext, Caller } from './caller.ts';
import { FailureLimit } from './failure-limit.ts';
import { bearerOf, findToken, type TokenHash } from './tokens.ts';

/** What a listener on TCP asks of every request. */
export interface TcpDoor {
  readonly kind: 'tcp';
  readonly tokens: readonly TokenHash[];
  /** Names, besides `localhost` and addresses, under which it may be asked. */
  readonly hosts: readonly string[];
  readonly failures: FailureLimit;
}

export function createTcpDoor(tokens: readonly TokenHash[], hosts: readonly string[], clock: Clock): TcpDoor {
  return {
    kind: 'tcp',
    tokens,
    hosts: hosts.map((host) => host.toLowerCase()),
    failures: new FailureLimit(clock),
  };
}

/**
 * Against DNS rebinding: a page of somebody else whose name was made to point here still says its own name in `Host`. An
 * address cannot be rebound. Throws `forbidden`.
 */
export function refuseForeignHost(door: TcpDoor, header: string | undefined): void {
  const host = hostName(header ?? '');
  const isAddress = isIP(host) !== 0;
  if (isAddress || host === 'localhost' || door.hosts.includes(host)) return;
  throw new LameduckError(
    'forbidden',
    `Cannot answer for host "${host.slice(0, 100)}": an address, localhost or one of api.allowedHosts is wanted`,
  );
}

function hostName(header: string): string {
  const bracketed = /^\[([^\]]*)\](?::\d+)?$/.exec(header)?.[1];
  return (bracketed ?? header.replace(/:\d+$/, '')).toLowerCase();
}

/** A page of another site has no business here, whatever it knows. Throws `forbidden`. */
export function refuseCrossSite(
  origin: string | undefined,
  site: string | undefined,
  host: string | undefined,
): void {
  const isForeignSite = site !== undefined && site !== 'same-origin' && site !== 'none';
  const isForeignOrigin = origin !== undefined && hostOf(origin) !== host?.toLowerCase();
  if (!isForeignSite && !isForeignOrigin) return;
  throw new LameduckError('forbidden', 'Cannot answer a page of another site: the own console is wanted');
}

function hostOf(origin: string): string | undefined {
  try {
    return new URL(origin).host;
  } catch {
    return undefined;
  }
}

/** A request without a token guesses none, and counts for nothing. Throws `unauthorized`, `tooMany`. */
export function tcpCaller(door: TcpDoor, context: ApiContext): Caller {
  const from = addressOf(context);
  const presented = bearerOf(context.req.header('authorization'));
  if (presented === undefined) throw unauthorized(context, 'none');
  const waitMs = door.failures.waitMs(from);
  if (waitMs > 0) {
    context.header('retry-after', String(Math.ceil(waitMs / 1000)));
    throw new LameduckError('tooMany', 'Cannot check the token: too many wrong ones came from this address');
  }
  const token = findToken(door.tokens, presented);
  if (token !== undefined) return { who: token.name, by: token.name, role: token.role, from };
  door.failures.note(from);
  throw unauthorized(context, 'a wrong one');
}

function unauthorized(context: ApiContext, got: string): LameduckError {
  context.header('www-authenticate', 'Bearer realm="lameduck"');
  return new LameduckError('unauthorized', `Cannot answer: a token is wanted: current value is ${got}`);
}

export function addressOf(context: ApiContext): string {
  return context.env.incoming.socket.remoteAddress ?? 'unknown';
}
