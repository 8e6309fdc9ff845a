import { isIP } from 'node:net';
import { type Address, formatAddress, LameduckError, parseAddress } from '@lameduck/core';

// Everything was validated when the configuration was read. It is checked again here, where it becomes nginx or Lua
// text, so that no other way in can ever inject a directive.

const namePattern = /^[a-z0-9][a-z0-9-]{0,62}$/;
const keyPattern = /^(\$[A-Za-z_]\w*|[A-Za-z0-9_.:-])+$/;

function unsafe(what: string, value: string, wanted: string): LameduckError {
  const message = `Cannot render ${what} "${value.slice(0, 80)}": it must ${wanted}: current value is ${JSON.stringify(value.slice(0, 80))}`;
  return new LameduckError('config', message, { [what]: value.slice(0, 200) });
}

/** The name as it is. Throws `config` where it could be anything but a name. */
export function safeName(name: string): string {
  if (namePattern.test(name)) return name;
  throw unsafe('name', name, 'be lower-case letters, digits and dashes');
}

/** The name of a cookie as it is. Throws `config` for anything but letters, digits and `_`. */
export function safeCookie(name: string): string {
  if (/^[A-Za-z_][A-Za-z0-9_]{0,63}$/.test(name)) return name;
  throw unsafe('cookie', name, 'be letters, digits and _');
}

/** The name of a host as it is. Throws `config` for anything else. */
export function safeDomain(name: string): string {
  if (/^\.?[A-Za-z0-9.-]{1,253}$/.test(name)) return name;
  throw unsafe('domain', name, 'be the name of a host');
}

/** The path of a URL as it is. Throws `config` where it could be anything else. */
export function safeUrlPath(path: string): string {
  if (/^\/[A-Za-z0-9._~/-]*$/.test(path)) return path;
  throw unsafe('path', path, 'be a / and letters, digits and . _ ~ / -');
}

/** A token or fingerprint as it is. Throws `config` where it is not hexadecimal. */
export function safeHex(text: string): string {
  if (/^[0-9a-f]{1,64}$/.test(text)) return text;
  throw unsafe('token', text, 'be hexadecimal');
}

/** The address as nginx reads it. Throws `config` where it is no address. */
export function safeAddress(address: Address): string {
  const text = formatAddress(address);
  const parsed = parseAddress(text);
  const isLiteral = parsed?.kind !== 'tcp' || !parsed.host.includes(':') || isIP(parsed.host) === 6;
  if (parsed !== undefined && isLiteral) return text;
  throw unsafe('address', text, 'be HOST:PORT, [IPV6]:PORT or unix:/PATH');
}

/** A positive whole number up to 65535 as text. Throws `config`. */
export function safeWeight(weight: number): string {
  if (Number.isInteger(weight) && weight >= 1 && weight <= 65_535) return String(weight);
  throw unsafe('weight', String(weight), 'be a whole number from 1 to 65535');
}

export type KeyPart = { readonly text: string } | { readonly variable: string };

/** A hash key as its parts. Throws `config` for anything but variables and the characters `A-Z a-z 0-9 _ . : -`. */
export function parseHashKey(key: string): readonly KeyPart[] {
  if (!keyPattern.test(key)) throw unsafe('hash key', key, 'be nginx variables, letters, digits and _ . : -');
  const parts = key.match(/\$\w+|[^$]+/g) ?? [];
  return parts.map((part) => (part.startsWith('$') ? { variable: part.slice(1) } : { text: part }));
}

/** A double-quoted nginx word; nginx knows no other escapes. Throws `config` for control characters and `$`. */
export function quotedPath(path: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not pass
  if (/[\u0000-\u001f\u007f$]/.test(path)) throw unsafe('path', path, 'hold no control character and no $');
  return `"${path.replace(/["\\]/g, '\\$&')}"`;
}

/** A double-quoted Lua string of harmless characters. Throws `config` for any other. */
export function luaString(text: string): string {
  if (!/^[A-Za-z0-9 _.:=@/+-]*$/.test(text)) throw unsafe('text', text, 'hold harmless characters only');
  return `"${text}"`;
}
