import type { EdgeMode } from '../../ports/edge.ts';
import {
  countsTraffic,
  renderBalancer,
  renderControl,
  renderGateHooks,
  renderLastBalancer,
  renderTrafficControl,
} from './gate-config.ts';
import { formatGateState, type GateState, parseGateState } from './gate-state.ts';
import type { NginxBalance, NginxSticky } from './options.ts';
import type { ResolvedNode } from './resolve-nodes.ts';
import {
  parseHashKey,
  quotedPath,
  safeAddress,
  safeCookie,
  safeDomain,
  safeHex,
  safeName,
  safeUrlPath,
  safeWeight,
} from './text-safety.ts';

/** All that the include file depends on. */
export interface IncludeSpec {
  readonly service: string;
  readonly mode: EdgeMode;
  /** Whether the http-level hooks may stand there; without them only sockets tell what is in flight. */
  readonly isCounting: boolean;
  /** Whether the traffic of each node is counted, where the hooks are. */
  readonly isCountingTraffic: boolean;
  /** Whether the `server` is ours, so that no answer has another status than the node's. */
  readonly ownsServer?: boolean;
  /** Whether WebSockets and event streams are counted apart, where the hooks are. */
  readonly tellsSessions?: boolean;
  readonly nodes: readonly ResolvedNode[];
  readonly balance: NginxBalance;
  /** Reload mode only. */
  readonly sticky?: NginxSticky | undefined;
  /** Sticky: nodes that only clients which are bound to them go to. */
  readonly draining?: readonly string[];
  readonly holdMs: number;
  /** The unix socket of the marker and of the gate's control location. */
  readonly socket: string;
  /** What a caller of the control location must know. */
  readonly token: string;
  readonly generation: number;
  /** Of everything but generation, token and state: tells whether a running nginx has this configuration. */
  readonly fingerprint: string;
  readonly state: GateState;
}

/** What an include file tells of itself. */
export interface IncludeHeader {
  readonly generation: number;
  readonly fingerprint: string;
  readonly mode: EdgeMode;
  readonly token: string;
  readonly state: GateState;
}

const keepAliveConnections = 128;

/** The include file: upstream, marker, gate. In gate mode it never says `down`: the seed of the gate does. */
export function renderInclude(spec: IncludeSpec): string {
  const { out, ramps = new Map() } = spec.state;
  for (const name of [...out.keys(), ...ramps.keys(), ...spec.nodes.map((node) => node.name)]) safeName(name);
  const lines = [
    `# Written by lameduck for service "${safeName(spec.service)}". Do not edit: each change replaces the whole file.`,
    `# lameduck generation=${Number(spec.generation)} fingerprint=${safeHex(fingerprintOf(spec))} mode=${spec.mode} token=${safeHex(spec.token)}`,
    `# lameduck state=${formatGateState(spec.state)}`,
    ...(spec.mode === 'gate' ? renderGateHooks(spec) : []),
    ...renderUpstream(spec),
    ...renderLastResort(spec),
    ...renderControlServer(spec),
  ];
  return `${lines.join('\n')}\n`;
}

// A drain ends with who began it: where it is found in the file, nginx is to be told the state again.
function fingerprintOf({ fingerprint, draining = [] }: IncludeSpec): string {
  return draining.length === 0 ? fingerprint : '0';
}

/** The service that an include file was written for; `undefined` where its first line is not ours. */
export function serviceOf(text: string): string | undefined {
  return /^# Written by lameduck for service "([^"\n]+)"\./.exec(text)?.[1];
}

/** Reads back what `renderInclude` wrote; `undefined` for any other text. */
export function parseIncludeHeader(text: string): IncludeHeader | undefined {
  const head =
    /^# lameduck generation=(\d+) fingerprint=([0-9a-f]+) mode=(gate|reload) token=([0-9a-f]+)$/m.exec(text);
  const state = parseGateState(/^# lameduck state=(.+)$/m.exec(text)?.[1] ?? '');
  if (head === null || state === undefined) return undefined;
  const [, generation, fingerprint = '', mode, token = ''] = head;
  return { generation: Number(generation), fingerprint, mode: mode as EdgeMode, token, state };
}

function renderUpstream(spec: IncludeSpec): string[] {
  const service = safeName(spec.service);
  const zoneKilobytes = Math.max(256, spec.nodes.length * 4);
  return [
    `upstream ${service} {`,
    `zone lameduck_${service}_peers ${zoneKilobytes}k;`,
    ...(spec.mode === 'gate' ? renderBalancer(spec) : renderMethod(spec.balance)),
    ...(spec.mode === 'gate'
      ? gateServers(spec.nodes).usual
      : spec.nodes.map((node) => renderServer(weighed(node, spec), roleOf(spec, node.name)))),
    ...(spec.mode === 'gate' ? [] : renderSticky(spec.sticky)),
    `keepalive ${keepAliveConnections};`,
    'keepalive_requests 10000;',
    // Below the idle time of Uvicorn and Node (5 s), so that nginx closes first and no request meets a closed socket.
    'keepalive_timeout 4s;',
    '}',
  ];
}

// In gate mode the seed says it, and no reload is needed.
function weighed(node: ResolvedNode, { state }: IncludeSpec): ResolvedNode {
  return { ...node, weight: state.weights?.get(node.name) ?? node.weight };
}

type Role = '' | ' down' | ' drain';

function roleOf({ state, draining = [] }: IncludeSpec, node: string): Role {
  if (state.out.has(node)) return ' down';
  return draining.includes(node) ? ' drain' : '';
}

// No script needs the cookie. Without a path a browser sends it back to the folder of its first request only.
function renderSticky(sticky: NginxSticky | undefined): string[] {
  if (sticky === undefined) return [];
  const { cookie, path, expiresMs, domain, isSecure, sameSite } = sticky;
  const words = [
    safeCookie(cookie),
    ...(expiresMs === undefined ? [] : [`expires=${Math.ceil(expiresMs / 1000)}s`]),
    ...(domain === undefined ? [] : [`domain=${safeDomain(domain)}`]),
    'httponly',
    ...(isSecure === true ? ['secure'] : []),
    ...(sameSite === undefined ? [] : [`samesite=${safeName(sameSite)}`]),
    `path=${safeUrlPath(path)}`,
  ];
  return [`sticky cookie ${words.join(' ')};`];
}

function renderMethod(balance: NginxBalance): string[] {
  switch (balance.type) {
    case 'round_robin':
      return [];
    case 'hash':
      return parseHashKey(balance.key).length > 0
        ? [`hash ${balance.key}${balance.isConsistent === true ? ' consistent' : ''};`]
        : [];
    default:
      return [`${balance.type};`];
  }
}

/** The upstream for requests that found no node in the service's own one. No service can have this name. */
export function lastResortName(service: string): string {
  return `${safeName(service)}_last`;
}

// Without marks: a lame duck that bounced serves what comes this way, as it comes without the promise.
function renderLastResort(spec: IncludeSpec): string[] {
  const isDown = (name: string): boolean => spec.mode === 'reload' && spec.state.out.has(name);
  return [
    `upstream ${lastResortName(spec.service)} {`,
    ...(spec.mode === 'gate' ? renderLastBalancer(spec) : []),
    ...(spec.mode === 'gate'
      ? gateServers(spec.nodes).last
      : spec.nodes.map((node) => lastServer(node, isDown(node.name)))),
    '}',
  ];
}

function lastServer({ address }: ResolvedNode, isDown: boolean): string {
  return `server ${safeAddress(address)} max_fails=0${isDown ? ' down' : ''};`;
}

interface Servers {
  readonly usual: readonly string[];
  readonly last: readonly string[];
}

const renderedServers = new WeakMap<readonly ResolvedNode[], Servers>();

/** In gate mode nobody is `down`, so they are the same in every file for these nodes. */
function gateServers(nodes: readonly ResolvedNode[]): Servers {
  const servers = renderedServers.get(nodes) ?? {
    usual: nodes.map((node) => renderServer(node, '')),
    last: nodes.map((node) => lastServer(node, false)),
  };
  renderedServers.set(nodes, servers);
  return servers;
}

// A mark must not outlive a restart: at 10 s, the default, two nodes restarted in turn gave "no live upstreams".
function renderServer({ address, weight }: ResolvedNode, role: Role): string {
  return `server ${safeAddress(address)} weight=${safeWeight(weight)} max_fails=1 fail_timeout=1s${role};`;
}

/** In the gate Lua reads the key, where an unknown variable is empty: all requests would go to one node. So nginx reads it too. */
function renderKeyTest(balance: NginxBalance): string[] {
  if (balance.type !== 'hash' || parseHashKey(balance.key).length === 0) return [];
  return [`location = /key { return 200 "${balance.key}"; }`];
}

function renderControlServer(spec: IncludeSpec): string[] {
  const gate = [
    'location = /gate {',
    'client_max_body_size 1m;',
    'client_body_buffer_size 1m;',
    ...(spec.mode === 'gate' ? renderControl(spec) : []),
    '}',
  ];
  return [
    'server {',
    `listen ${quotedPath(`unix:${spec.socket}`)};`,
    'access_log off;',
    // A connection that stays open would hold a worker of the generation before.
    'keepalive_timeout 0;',
    'allow all;',
    'auth_basic off;',
    `location = /marker { return 200 "${spec.generation}:$pid"; }`,
    ...(spec.mode === 'gate' ? [...renderKeyTest(spec.balance), ...gate] : []),
    ...(countsTraffic(spec) ? ['location = /traffic {', ...renderTrafficControl(spec), '}'] : []),
    'location / { return 404; }',
    '}',
  ];
}
