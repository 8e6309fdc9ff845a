import { type Address, parseAddress } from './address.ts';
import type { Role } from './api-audit.ts';
import type { ConfigProblem } from './config.ts';
import type { ApiDocument } from './config-api-schema.ts';

/** Who may ask the API over TCP: a name for the audit log, and where the token is, or its hash. */
export interface ApiTokenConfig {
  readonly name: string;
  readonly role: Role;
  /** As written, relative to the config file's folder. */
  readonly tokenFile: string | undefined;
  readonly sha256: string | undefined;
}

/** The API on TCP. Paths are as written, relative to the config file's folder. */
export interface ApiConfig {
  readonly listen: Address & { readonly kind: 'tcp' };
  readonly tokens: readonly ApiTokenConfig[];
  readonly tls: { readonly cert: string; readonly key: string } | undefined;
  /** Host names, besides `localhost` and addresses, under which it is asked. */
  readonly allowedHosts: readonly string[];
}

export function toApi(document: ApiDocument | undefined): ApiConfig | undefined {
  if (document === undefined) return undefined;
  return {
    listen: parseAddress(document.listen) as ApiConfig['listen'],
    tokens: document.tokens.map(({ name, role, tokenFile, sha256 }) => ({ name, role, tokenFile, sha256 })),
    tls: document.tls,
    allowedHosts: document.allowedHosts,
  };
}

/** What the schema cannot say of the API. */
export function checkApiRules(document: ApiDocument | undefined): readonly ConfigProblem[] {
  if (document === undefined) return [];
  return [...checkTokens(document), ...checkListen(document)];
}

function checkTokens({ tokens }: ApiDocument): readonly ConfigProblem[] {
  const seen = new Set<string>();
  return tokens.flatMap(({ name, tokenFile, sha256 }, index) => {
    const path = ['api', 'tokens', index];
    const isDouble = seen.has(name);
    seen.add(name);
    return [
      ...(isDouble
        ? [
            {
              path: [...path, 'name'],
              message: `must be a name that no other token has: current value is "${name}"`,
            },
          ]
        : []),
      ...((tokenFile === undefined) === (sha256 === undefined)
        ? [{ path, message: 'must have exactly one of tokenFile, sha256' }]
        : []),
    ];
  });
}

/** A token that crosses a network in the clear is anybody's. */
function checkListen({ listen, tls, plaintext }: ApiDocument): readonly ConfigProblem[] {
  const address = parseAddress(listen);
  if (address?.kind !== 'tcp') return [];
  const path = ['api', 'listen'];
  if (address.port === 0) return [{ path, message: 'must have a port from 1 to 65535: current value is 0' }];
  const isLoopback = address.host === '::1' || address.host === 'localhost' || /^127\./.test(address.host);
  if (isLoopback || tls !== undefined || plaintext) return [];
  const message = `must be a loopback address where there is no api.tls, because tokens would cross the network in the clear (api.plaintext: true, where a proxy before it has TLS): current value is "${listen}"`;
  return [{ path, message }];
}
