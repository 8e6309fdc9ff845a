import { type Directive, named, walk } from './tree.ts';

/** Where requests of one location go. */
export interface Site {
  /** The `proxy_pass` (or `grpc_pass` …) itself. */
  readonly pass: Directive;
  /** What it stands in, the nearest first. */
  readonly parents: readonly Directive[];
  /** `proxy`, `grpc` …: what its settings begin with. */
  readonly family: string;
  readonly isStream: boolean;
  /** Names of upstreams or `HOST:PORT`, all that are possible. */
  readonly targets: readonly string[];
  /** The variables that only a request tells, where there are any. */
  readonly unknown: readonly string[];
}

const families = ['proxy', 'grpc', 'uwsgi', 'fastcgi', 'scgi'];

/** Every place that sends requests on, with where to. */
export function listSites(tree: readonly Directive[]): readonly Site[] {
  const sites: Site[] = [];
  for (const { directive, parents } of walk(tree)) {
    const family = families.find((name) => directive.name === `${name}_pass`);
    const [word] = directive.words;
    if (family === undefined || word === undefined || directive.block !== undefined) continue;
    const isStream = parents.at(-1)?.name === 'stream';
    const texts = expand(word, parents, []);
    const hosts = texts.map(hostOf);
    const known = hosts.filter((host) => !host.includes(mark));
    const unknown = hosts.flatMap((host) => [...host.matchAll(marked)].map(([, name = '']) => name));
    sites.push({
      pass: directive,
      parents,
      family,
      isStream,
      targets: unique(known),
      unknown: unique(unknown),
    });
  }
  return sites;
}

const mark = '\0';
// stands for a variable that cannot be told; no file holds it
const marked = /\0([^\0]*)\0/g;
const variable = /\$(?:\{([A-Za-z0-9_]+)\}|([A-Za-z0-9_]+))/;
const mostValues = 64;

/** What is the same for each request, as far as it decides where a request goes. */
const constants: Readonly<Record<string, string>> = {
  scheme: 'http',
  request_uri: '/',
  uri: '/',
  document_uri: '/',
  is_args: '?',
  args: '',
  query_string: '',
};

/** Every text that the word can become. A variable that cannot be told becomes a mark with its name. */
function expand(word: string, parents: readonly Directive[], seen: readonly string[]): readonly string[] {
  const found = variable.exec(word);
  if (found === null) return [word];
  const name = found[1] ?? found[2] ?? '';
  const before = word.slice(0, found.index);
  const after = expand(word.slice(found.index + found[0].length), parents, seen);
  const values = valuesOf(name, parents, seen) ?? [`${mark}$${name}${mark}`];
  return values.flatMap((value) => after.map((rest) => `${before}${value}${rest}`)).slice(0, mostValues);
}

function valuesOf(
  name: string,
  parents: readonly Directive[],
  seen: readonly string[],
): readonly string[] | undefined {
  const constant = constants[name];
  if (constant !== undefined) return [constant];
  if (seen.includes(name)) return undefined;
  const words = [...setIn(name, parents), ...mappedTo(name, parents.at(-1))];
  if (words.length === 0) return undefined;
  return unique(words).flatMap((word) => expand(word, parents, [...seen, name]));
}

/** The values of `set $name …` in the server and the locations around, also in their `if` blocks. */
function setIn(name: string, parents: readonly Directive[]): readonly string[] {
  const blocks = parents.filter((parent) => parent.name !== 'http' && parent.name !== 'stream');
  const around = blocks.flatMap(({ block }) => block ?? []);
  const inside = around.filter((directive) => directive.name === 'if').flatMap(({ block }) => block ?? []);
  return [...around, ...inside]
    .filter((directive) => directive.name === 'set' && directive.words[0] === `$${name}`)
    .map(({ words }) => words[1] ?? '');
}

const tables = ['map', 'split_clients', 'geo'];
const noEntries = new Set([
  'include',
  'hostnames',
  'volatile',
  'ranges',
  'proxy',
  'proxy_recursive',
  'delete',
]);

/** The values that a `map`, `split_clients` or `geo` of the http block gives the variable. */
function mappedTo(name: string, outermost: Directive | undefined): readonly string[] {
  return tables
    .flatMap((table) => named(outermost?.block, table))
    .filter(({ words }) => words.at(-1) === `$${name}`)
    .flatMap(({ block }) => block ?? [])
    .filter((entry) => !noEntries.has(entry.name))
    .map(({ words }) => words[0] ?? '');
}

/** The part that names a host or an upstream: `shop` of `http://shop/api`. */
function hostOf(target: string): string {
  const rest = target.replace(/^(?:https?|grpcs?|uwsgi|suwsgi):\/\//i, '');
  const unix = /^unix:[^:]+/.exec(rest);
  return unix === null ? (/^[^/?]*/.exec(rest)?.[0] ?? '').toLowerCase() : unix[0];
}

/** An address as it is compared: with its port, `localhost` as the address that it is. */
export function comparable(address: string): string {
  if (address.startsWith('unix:')) return address;
  const text = address.toLowerCase().replace(/^localhost(?=:|$)/, '127.0.0.1');
  return /:\d+$/.test(text) ? text : `${text}:80`;
}

function unique<T>(values: readonly T[]): readonly T[] {
  return [...new Set(values)];
}
