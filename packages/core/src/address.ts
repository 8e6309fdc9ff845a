/** A TCP address or a unix socket path, parsed; nothing else ever reaches nginx, a shell or a socket call. */
export type Address =
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string };

const hostName =
  /^(?=.{1,253}$)[a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?(\.[a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?)*$/;
const ipv6 = /^[0-9a-fA-F:.]+$/;
const unixPath = /^\/[A-Za-z0-9._@+/-]{1,100}$/;

function parsePort(text: string): number | undefined {
  const port = Number(text);
  return /^\d{1,5}$/.test(text) && port <= 65_535 ? port : undefined;
}

/** `host:port`, `[ipv6]:port` or `unix:/path`; `undefined` where the text is none of them. */
export function parseAddress(text: string): Address | undefined {
  if (text.startsWith('unix:')) {
    const path = text.slice(5);
    return unixPath.test(path) ? { kind: 'unix', path } : undefined;
  }
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d+)$/.exec(text);
  const port = parsePort(match?.[3] ?? '');
  if (match === null || port === undefined) return undefined;
  const [, bracketed, plain] = match;
  if (bracketed !== undefined)
    return ipv6.test(bracketed) ? { kind: 'tcp', host: bracketed, port } : undefined;
  return plain !== undefined && hostName.test(plain) ? { kind: 'tcp', host: plain, port } : undefined;
}

/** The text that `parseAddress` reads back. */
export function formatAddress(address: Address): string {
  if (address.kind === 'unix') return `unix:${address.path}`;
  const host = address.host.includes(':') ? `[${address.host}]` : address.host;
  return `${host}:${address.port}`;
}
