import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Role } from '@lameduck/core';
import type { Context } from 'hono';
import type { TcpDoor } from './tcp-door.ts';

/** How a request came in. Told by the listener, never read off the socket: one that was reset has no address left. */
export type Door = { readonly kind: 'unix' } | TcpDoor;

export interface Bindings {
  readonly incoming: IncomingMessage;
  readonly outgoing: ServerResponse;
  readonly door?: Door;
}

/** Who asks, as far as it is known. */
export interface Caller {
  readonly who: string;
  /** What other operators are told of him: `anna (pid 4711)`. */
  readonly by: string;
  readonly role: Role | 'none';
  readonly from: string;
}

export interface ApiEnv {
  readonly Bindings: Bindings;
  readonly Variables: { caller: Caller };
}

export type ApiContext = Context<ApiEnv>;

/** Header in which a client on the unix socket says until when its command counts, in milliseconds since 1970. */
export const expiresHeader = 'lameduck-expires';
/** Header in which a client on the unix socket says who it is; believed by nobody, and marked so. */
export const claimHeader = 'lameduck-claim';
const claimPattern = /^user=([A-Za-z0-9_.-]{1,32}); pid=(\d{1,10})$/;

/** Whoever can open the unix socket is its owner, or root: an operator. */
export function unixCaller(claim: string | undefined): Caller {
  const [, user, pid] = claimPattern.exec(claim ?? '') ?? [];
  if (user === undefined) {
    const who = 'owner of the socket';
    return { who, by: who, role: 'operator', from: 'unix' };
  }
  const by = `${user} (pid ${pid})`;
  return { who: `${user} (claimed)`, by, role: 'operator', from: `unix (pid ${pid} claimed)` };
}
