import { latencyBucketsMs } from '@lameduck/core';
import { balanceLua } from './gate-balance-lua.ts';
import { controlLua } from './gate-control-lua.ts';
import { countLua } from './gate-count-lua.ts';
import { hashLua } from './gate-hash-lua.ts';
import { holdLua } from './gate-hold-lua.ts';
import { loadLua } from './gate-load-lua.ts';
import { pickLua } from './gate-lua.ts';
import { formatGateState } from './gate-state.ts';
import { trafficControlLua, trafficLua } from './gate-traffic-lua.ts';
import type { NginxBalance } from './options.ts';
import type { IncludeSpec } from './render-include.ts';
import type { ResolvedNode } from './resolve-nodes.ts';
import { luaString, parseHashKey, safeAddress, safeName, safeWeight } from './text-safety.ts';

// A change of the size would give the dict new memory, and old workers would keep the old one: never derive it from
// the number of nodes. 4 MB hold about 30,000 counters.
const dictSize = '4m';

/** The name of the service's shared dict. */
function dictName(service: string): string {
  return `lameduck_${safeName(service)}`;
}

/** No service can have this name. */
function trafficDictName(service: string): string {
  return `${dictName(service)}_traffic`;
}

/** What stands at http level: the dict and the hooks that follow a request to its end. */
export function renderGateHooks(spec: IncludeSpec): string[] {
  const dict = `lua_shared_dict ${dictName(spec.service)} ${dictSize};`;
  if (!spec.isCounting) return [dict];
  const traffic = spec.isCountingTraffic
    ? [`lua_shared_dict ${trafficDictName(spec.service)} ${dictSize};`]
    : [];
  const hook = (call: string): string =>
    `local gate = package.loaded[${moduleName(spec)}] if gate then gate.${call}() end`;
  return [
    dict,
    ...traffic,
    // a phase costs for each request: in a server of ours nginx is asked at the change instead
    ...(spec.ownsServer !== true || spec.tellsSessions === true
      ? [`header_filter_by_lua_block { ${hook('attribute')} }`]
      : []),
    `log_by_lua_block { ${hook('finish')} }`,
  ];
}

/** The `balancer_by_lua_block` of the upstream. The module is made once in each worker, by its first request. */
export function renderBalancer(spec: IncludeSpec): string[] {
  const name = moduleName(spec);
  return [
    'balancer_by_lua_block {',
    `local gate = package.loaded[${name}]`,
    'if not gate then',
    'gate = (function()',
    renderConfig(spec),
    ...balanceParts(spec),
    ...(countsTraffic(spec) ? [trafficLua.trim()] : []),
    countLua.trim(),
    pickLua.trim(),
    holdLua.trim(),
    'end)()',
    `package.loaded[${name}] = gate`,
    'end',
    'gate.balance()',
    '}',
  ];
}

function balanceParts({ balance }: IncludeSpec): string[] {
  if (balance.type === 'round_robin') return [balanceLua.trim()];
  return [(balance.type === 'least_conn' ? loadLua : hashLua).trim(), balanceLua.trim()];
}

/** The same for the upstream of last resort, which only requests reach that the service's own has had before. */
export function renderLastBalancer(spec: IncludeSpec): string[] {
  return [
    `balancer_by_lua_block { local gate = package.loaded[${moduleName(spec)}]`,
    'if gate then gate.balance_last() else ngx.exit(502) end }',
  ];
}

/** The body of the control location. */
export function renderControl(spec: IncludeSpec): string[] {
  return ['content_by_lua_block {', renderConfig(spec), controlLua.trim(), '}'];
}

/** The body of the location that tells the traffic. */
export function renderTrafficControl(spec: IncludeSpec): string[] {
  const names = spec.nodes.map(({ name }) => luaString(safeName(name))).join(', ');
  return [
    'content_by_lua_block {',
    `local config = { traffic = ${luaString(trafficDictName(spec.service))}, token = ${luaString(spec.token)}, cells = ${latencyBucketsMs.length + 4}, names = { ${names} } }`,
    trafficControlLua.trim(),
    '}',
  ];
}

/** Whether the log phase is ours, and is to count. */
export function countsTraffic(spec: IncludeSpec): boolean {
  return spec.mode === 'gate' && spec.isCounting && spec.isCountingTraffic;
}

/** The Lua that holds a request until a node is in rotation. */
export function renderHold(service: string): string {
  return `local gate = package.loaded[${luaString(`lameduck.${safeName(service)}`)}] if gate then return gate.hold() end return ngx.exit(502)`;
}

function moduleName(spec: IncludeSpec): string {
  return luaString(`lameduck.${safeName(spec.service)}`);
}

function renderConfig(spec: IncludeSpec): string {
  // Round robin is what nginx does by itself below ngx_lua 0.10.23's balancer; any other way is picked in Lua always.
  const isNative = spec.balance.type === 'round_robin';
  const key = spec.balance.type === 'hash' ? parseHashKey(spec.balance.key) : [];
  return [
    'local config = {',
    `dict = ${luaString(dictName(spec.service))}, token = ${luaString(spec.token)},`,
    // On a line of its own: the one line of the file that differs between two states of the gate.
    `seed = ${luaString(formatGateState(spec.state))},`,
    `balance = ${luaString(balanceInLua(spec.balance))}, native = ${isNative}, hold_seconds = ${Math.max(0, spec.holdMs) / 1000},`,
    ...(countsTraffic(spec) ? [`traffic = ${luaString(trafficDictName(spec.service))},`] : []),
    `owns_server = ${spec.ownsServer === true && spec.isCounting},`,
    `tells_sessions = ${spec.tellsSessions === true && spec.isCounting},`,
    `key = { ${key.map((part) => ('text' in part ? `{ text = ${luaString(part.text)} }` : `{ variable = ${luaString(part.variable)} }`)).join(', ')} },`,
    `peers = {\n${renderPeers(spec.nodes)} } }`,
  ].join('\n');
}

function balanceInLua(balance: NginxBalance): string {
  return balance.type === 'hash' && balance.isConsistent === true ? 'consistent' : balance.type;
}

const renderedPeers = new WeakMap<readonly ResolvedNode[], string>();

/** Of hundreds of nodes this is most of the work of a change, in which they are always the same. */
function renderPeers(nodes: readonly ResolvedNode[]): string {
  const text = renderedPeers.get(nodes) ?? nodes.map(renderPeer).join(',\n');
  renderedPeers.set(nodes, text);
  return text;
}

function renderPeer({ name, weight, address }: ResolvedNode): string {
  const target = address.kind === 'unix' ? `unix:${address.path}` : bracketed(address.host);
  const port = address.kind === 'unix' ? '' : ` port = ${Number(address.port)},`;
  // "[" is no harmless character for luaString: an IPv6 host is checked, then bracketed.
  const host = target.startsWith('[') ? `"[" .. ${luaString(target.slice(1, -1))} .. "]"` : luaString(target);
  const full = safeAddress(address);
  const text = full.startsWith('[')
    ? `"[" .. ${luaString(full.slice(1, full.indexOf(']')))} .. "]" .. ${luaString(full.slice(full.indexOf(']') + 1))}`
    : luaString(full);
  return `{ name = ${luaString(safeName(name))}, host = ${host},${port} address = ${text}, weight = ${safeWeight(weight)} }`;
}

function bracketed(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}
