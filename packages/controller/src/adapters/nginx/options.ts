import type { Address } from '@lameduck/core';
import type { Logger } from 'pino';
import type { EdgeNode } from '../../ports/edge.ts';

/** How requests are spread over the nodes: each as nginx's own method of the name. `key` holds nginx variables and the characters `- _ . :` only. */
export type NginxBalance =
  | { readonly type: 'round_robin' | 'least_conn' | 'ip_hash' }
  | { readonly type: 'hash'; readonly key: string; readonly isConsistent?: boolean };

/** nginx's own sticky sessions (1.29.6); reload mode only. */
export interface NginxSticky {
  readonly cookie: string;
  readonly path: string;
  readonly expiresMs: number | undefined;
  readonly domain?: string | undefined;
  readonly isSecure?: boolean;
  readonly sameSite?: 'strict' | 'lax' | 'none' | undefined;
  /** How long `drain` takes; 0 goes without. */
  readonly drainMs: number;
}

/** Whose nginx it is. */
export type NginxKind =
  /** Ours: the whole configuration is written into `directory` and runs from there. */
  | { readonly kind: 'managed'; readonly listen: Address }
  /** The user's: we own the one file `include`, which `conf` includes in its http block. All absolute; `prefix` is `-p`. */
  | {
      readonly kind: 'attached';
      readonly conf: string;
      readonly include: string;
      readonly prefix?: string | undefined;
    };

/** What `createNginxEdge` needs. Names are validated by the configuration; the renderer checks them again. */
export type NginxEdgeOptions = NginxKind & {
  readonly name: string;
  /** Name of the upstream: the user's own server says `proxy_pass http://SERVICE;`. */
  readonly service: string;
  /** `auto` takes the gate where the Lua module really loads. */
  readonly mode: 'auto' | 'gate' | 'reload';
  /** Path or name of the nginx binary; else `LAMEDUCK_NGINX`, else `nginx` on the path. */
  readonly nginx?: string | undefined;
  /** Absolute folder of this edge's own files. */
  readonly directory: string;
  readonly nodes: readonly EdgeNode[];
  readonly balance: NginxBalance;
  readonly sticky?: NginxSticky | undefined;
  /** Gate only: whether what each node is sent is counted for `traffic`. Default true. */
  readonly isCountingTraffic?: boolean;
  /**
   * WebSockets and event streams do not hold a drain: in the gate they are counted apart and left to the node to close; a
   * managed nginx in reload mode closes what its old workers still have after so long. Missing: they are waited for.
   */
  readonly closeSessionsAfterMs?: number;
  /** How long old nginx workers may take to end after a reload before `remove` gives up. */
  readonly quiesceTimeoutMs: number;
  /** How long a new configuration may take to answer after a HUP or a start. Default 10 s. */
  readonly applyTimeoutMs?: number;
  /** What a managed nginx says to the nodes with requests that it sends elsewhere if they are bounced; hexadecimal. */
  readonly promiseToken?: string;
  /** Gate only: how long a request waits where no node is in rotation; 0 answers 503 at once. Default 30 s. */
  readonly holdMs?: number;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly logger: Logger;
};
