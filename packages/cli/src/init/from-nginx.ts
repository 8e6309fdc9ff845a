import { resolve } from 'node:path';
import {
  comparable,
  type Directive,
  type LoadedConfig,
  listSites,
  loadFile,
  named,
} from '@lameduck/controller/nginx-config';
import { LameduckError, parseAddress } from '@lameduck/core';
import { type Draft, type NodeDraft, nodeName, toName } from './draft.ts';
import { placeInclude } from './place-include.ts';
import { isOfThisHost } from './this-host.ts';

/** The configuration for an upstream of an existing nginx, which stays the user's own. Throws `config` and `usage`. */
export function readNginx(file: string, wanted: string | undefined): Draft {
  const path = resolve(file);
  const config = loadFile(path);
  const [http] = named(config.tree, 'http');
  if (http === undefined) throw unusable(path, 'an http block must stand in it', 'none (name the main file)');
  const upstream = chooseUpstream(path, http, config, wanted);
  // our include defines an upstream too, and nginx takes no second one of the same name
  const service = uniqueName(toName(upstream.name, 'service'), http);
  const place = placeInclude(path, http, service);
  const { nodes, notes } = readServers(upstream);
  const { balance, notes: balanceNotes } = readBalance(upstream.settings);
  return {
    service,
    edges: [{ name: 'main', attach: { conf: path, include: place.include } }],
    nodes,
    ...(balance === undefined ? {} : { balance }),
    notes: [...config.unread.map((unread) => `${unread}: cannot be read`), ...notes, ...balanceNotes],
    steps: place.steps,
    later: [
      upstream.direct === undefined
        ? `in ${path} and what it includes, write "proxy_pass http://${service};" where it says ${upstream.name}, and reload nginx`
        : describeDirect(upstream.direct, service),
    ],
  };
}

interface Upstream {
  readonly name: string;
  readonly servers: readonly Server[];
  /** The other lines of the block. */
  readonly settings: readonly Directive[];
  /** Where there is no such block: the lines that say its one server themselves. */
  readonly direct?: readonly Directive[];
}

interface Server {
  readonly address: string;
  readonly options: readonly string[];
  readonly place: string;
}

function chooseUpstream(
  file: string,
  http: Directive,
  config: LoadedConfig,
  wanted: string | undefined,
): Upstream {
  const all = named(http.block, 'upstream').filter((block) => !isOurs(block));
  const names = all.map(({ words }) => words[0] ?? '');
  const chosen =
    wanted === undefined && all.length === 1 ? all[0] : all.find(({ words }) => words[0] === wanted);
  if (chosen !== undefined) return readUpstream(chosen);
  if (wanted === undefined && all.length === 0) return directTargets(file, config);
  const given = wanted === undefined ? '' : `"${wanted}", `;
  const message = `Cannot choose an upstream of "${file}": --upstream with one of ${names.join(', ') || 'none'} is wanted: current value is ${given}${names.length} are there`;
  throw new LameduckError('usage', message, { file, upstreams: names });
}

/** One that lameduck wrote, for another service or an earlier one. */
function isOurs(block: Directive): boolean {
  return named(block.block, 'zone').some(({ words }) => words[0]?.startsWith('lameduck_'));
}

function readUpstream(block: Directive): Upstream {
  const isServer = ({ name }: Directive): boolean => name === 'server';
  const servers = (block.block ?? [])
    .filter(isServer)
    .map(({ words: [address = '', ...options], file, line }) => ({
      address,
      options,
      place: `${file}:${line}`,
    }));
  const settings = (block.block ?? []).filter((directive) => !isServer(directive));
  return { name: block.words[0] ?? '', servers, settings };
}

/** Without any upstream: the one address that `proxy_pass` goes to. */
function directTargets(file: string, { tree }: LoadedConfig): Upstream {
  const sites = listSites(tree).filter(({ family, isStream }) => family === 'proxy' && !isStream);
  const targets = [...new Set(sites.flatMap((site) => site.targets))];
  const [target] = targets;
  if (target === undefined || targets.length > 1) {
    throw unusable(file, 'an upstream, or one proxy_pass, must stand in it', targets.join(', ') || 'neither');
  }
  const direct = sites.filter((site) => site.targets.includes(target)).map(({ pass }) => pass);
  const place = direct.map(placeOf)[0] ?? file;
  return { name: 'app', servers: [{ address: target, options: [], place }], settings: [], direct };
}

function placeOf({ file, line }: Directive): string {
  return `${file}:${line}`;
}

/** Each line as it is to be; what stands behind the address stays. */
function describeDirect(passes: readonly Directive[], service: string): string {
  const lines = passes.map((pass) => {
    const [word = ''] = pass.words;
    const instead = word.replace(/^(\$?\w+:\/\/)?(\$\{?\w+\}?|[^/$]+)/, `http://${service}`);
    return `in ${placeOf(pass)} write "proxy_pass ${instead};" instead of "proxy_pass ${word};"`;
  });
  return `${lines.join(', ')}, and reload nginx`;
}

function uniqueName(name: string, http: Directive): string {
  const taken = new Set(named(http.block, 'upstream').map(({ words }) => words[0]));
  return taken.has(name) ? `${name}-lameduck` : name;
}

const ownSettings =
  'lameduck writes its own zone, keepalive, max_fails and fail_timeout, and checks health by itself';

function readServers({ name, servers }: Upstream): Pick<Draft, 'nodes' | 'notes'> {
  const nodes: NodeDraft[] = [];
  const notes: string[] = [];
  const seen = new Set<string>();
  for (const { address: text, options, place } of servers) {
    const address = comparable(text);
    const off = options.find((option) => ['down', 'backup', 'drain'].includes(option));
    if (parseAddress(address) === undefined)
      notes.push(`${place} server ${text}: not an address that lameduck takes`);
    else if (seen.has(address)) notes.push(`${place} server ${text}: a second time`);
    else if (off !== undefined)
      notes.push(`${place} server ${text} ${off}: left out; lameduck sends to every node that is healthy`);
    else if (!isOfThisHost(address))
      notes.push(`${place} server ${text}: on another host; lameduck runs nodes on its own host only`);
    else {
      seen.add(address);
      const weight = Number(options.find((option) => option.startsWith('weight='))?.slice(7) ?? 1);
      nodes.push({
        name: nodeName(nodes.length),
        address,
        ...(weight > 1 ? { weight: Math.min(weight, 65_535) } : {}),
      });
    }
    const lost = options.filter((option) => !/^(weight=|down$|backup$|drain$)/.test(option));
    if (lost.length > 0) notes.push(`${place} ${lost.join(' ')}: ${ownSettings}`);
  }
  if (nodes.length > 0) return { nodes, notes };
  throw unusable(name, 'an upstream must have a server that can be a node', notes.join('; ') || 'no server');
}

const hashWords = /^(\$[A-Za-z_]\w*|[A-Za-z0-9_.:-])+( consistent)?$/;
const methods = new Set(['least_conn', 'ip_hash']);
const replaced = new Set(['zone', 'keepalive', 'keepalive_timeout', 'keepalive_requests', 'keepalive_time']);

function readBalance(settings: readonly Directive[]): { balance?: string; notes: readonly string[] } {
  let balance: string | undefined;
  const notes: string[] = [];
  for (const { name, words, file, line } of settings) {
    if (methods.has(name)) balance = name;
    else if (name === 'hash' && hashWords.test(words.join(' '))) balance = `hash ${words.join(' ')}`;
    else if (!replaced.has(name)) {
      notes.push(
        `${file}:${line} ${[name, ...words].join(' ').slice(0, 80)}: no counterpart; requests are balanced by ${balance ?? 'round_robin'}`,
      );
    }
  }
  return balance === undefined ? { notes } : { balance, notes };
}

function unusable(value: string, wanted: string, got: string): LameduckError {
  const message = `Cannot use nginx configuration "${value}": ${wanted}: current value is ${got}`;
  return new LameduckError('config', message, { value });
}
