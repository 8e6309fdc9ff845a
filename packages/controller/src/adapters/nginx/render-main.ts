import type { Address } from '@lameduck/core';
import type { EdgeMode } from '../../ports/edge.ts';
import { cutsAtReload, isAtLeast, type NginxBuild } from './build.ts';
import { renderHold } from './gate-config.ts';
import { lastResortName } from './render-include.ts';
import { quotedPath, safeAddress, safeHex, safeName } from './text-safety.ts';

/** All that the main file of a managed nginx depends on. Its own paths are relative to the prefix. */
export interface MainSpec {
  readonly service: string;
  readonly listen: Address;
  readonly mode: EdgeMode;
  readonly build: NginxBuild;
  readonly modules: readonly string[];
  /** `LAMEDUCK_LUA_PATH`. */
  readonly luaPath: string | undefined;
  /** `name group` of the workers where the master is root. */
  readonly user: { readonly name: string; readonly group: string } | undefined;
  readonly maxOpenFiles: number;
  readonly promiseToken: string | undefined;
  /** Reload mode: how long old workers serve on; missing where there is no end. */
  readonly closeSessionsAfterMs?: number | undefined;
}

/** The main file of a managed nginx. */
export function renderMain(spec: MainSpec): string {
  const isGate = spec.mode === 'gate';
  const lines = [
    '# Written by lameduck. Do not edit: it is replaced as a whole.',
    ...(isGate ? spec.modules.map((file) => `load_module ${quotedPath(file)};`) : []),
    ...renderUser(spec.user),
    'worker_processes auto;',
    ...renderShutdownTimeout(spec),
    `worker_rlimit_nofile ${spec.maxOpenFiles};`,
    'pid nginx.pid;',
    'error_log error.log warn;',
    `events { worker_connections ${Math.max(64, Math.min(4096, Math.floor(spec.maxOpenFiles / 2)))}; }`,
    'http {',
    ...(isGate && spec.luaPath !== undefined ? [`lua_package_path ${quotedPath(spec.luaPath)};`] : []),
    ...['body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(renderTempPath),
    ...bodySettings,
    'access_log off;',
    'server_tokens off;',
    "map $http_upgrade $lameduck_connection { default upgrade; '' ''; }",
    "map $http_x_request_id $lameduck_request_id { default $http_x_request_id; '' $request_id; }",
    againMap,
    'include service.conf;',
    ...renderServer(spec),
    '}',
  ];
  return `${lines.join('\n')}\n`;
}

function renderUser(user: MainSpec['user']): string[] {
  if (user === undefined) return [];
  const isPlain = [user.name, user.group].every((name) => /^[A-Za-z_][A-Za-z0-9_.-]*$/.test(name));
  return isPlain ? [`user ${user.name} ${user.group};`] : [];
}

// It cuts every request that is left, not sessions alone: nothing else ends a WebSocket that an old worker has.
function renderShutdownTimeout({ mode, closeSessionsAfterMs }: MainSpec): string[] {
  if (mode === 'gate' || closeSessionsAfterMs === undefined) return [];
  return [`worker_shutdown_timeout ${Math.max(1, Math.round(closeSessionsAfterMs))}ms;`];
}

function renderTempPath(name: string): string {
  return `${name === 'body' ? 'client_body' : name}_temp_path temp/${name};`;
}

function renderServer(spec: MainSpec): string[] {
  const service = safeName(spec.service);
  const isHolding = spec.mode === 'gate';
  // Lets requests that come with the reload be answered (by old workers: `quiesced` waits for those).
  const isSparing = spec.mode === 'reload' && isAtLeast(spec.build, 1, 27, 4);
  return [
    'server {',
    `listen ${safeAddress(spec.listen)};`,
    'keepalive_requests 10000;',
    ...(isSparing ? ['keepalive_min_timeout 5s;'] : []),
    ...(spec.mode === 'reload' && cutsAtReload(spec.build) ? ['proxy_buffering off;'] : []),
    'client_max_body_size 100m;',
    `set $lameduck_promise "${spec.promiseToken === undefined ? '' : safeHex(spec.promiseToken)}";`,
    ...proxySettings,
    // so that a request which the last resort lost to dead nodes, too, comes to the hold again
    `location / { ${isHolding ? 'recursive_error_pages on; ' : ''}proxy_pass http://${service}; }`,
    `error_page 502 = ${isHolding ? '@lameduck_hold' : '@lameduck_last'};`,
    ...(isHolding ? [renderHoldLocation(service)] : []),
    renderLastResort(service),
    '}',
  ];
}

function renderHoldLocation(service: string): string {
  return `location @lameduck_hold { set $lameduck_promise ""; lua_check_client_abort on; access_by_lua_block { ${renderHold(service)} } proxy_pass http://${service}; }`;
}

// Where nginx has found no node: each of them failed, bounced, or is marked for having done so. Without the promise a
// lame duck serves.
function renderLastResort(service: string): string {
  return `location @lameduck_last { set $lameduck_promise ""; if ($lameduck_again = "") { return 502; } proxy_pass http://${lastResortName(service)}; }`;
}

// What may be sent once more after nginx's own attempts: what nginx itself sends again, and everything of which no
// byte was sent (no attempt has a connect time).
const againMap =
  'map "$request_method $upstream_connect_time" $lameduck_again { default ""; "~^(GET|HEAD|PUT|DELETE|OPTIONS|TRACE) " 1; "~^[A-Z]+ -(, -)*$" 1; }';

// A body that does not fit into the buffer goes to a temporary file and reaches the node in two writes. Without these
// the second one waits 40 ms for a delayed acknowledgement (Nagle's algorithm): median 44 ms for 16 KB, 1.2 ms with.
const bodySettings: readonly string[] = ['client_body_buffer_size 64k;', 'sendfile on;', 'tcp_nopush on;'];

// At server level, so that each location has them. `proxy_next_upstream` stays nginx's own `error timeout`: a request
// that is not idempotent is never sent twice.
const proxySettings: readonly string[] = [
  'proxy_http_version 1.1;',
  'proxy_set_header Host $http_host;',
  'proxy_set_header Upgrade $http_upgrade;',
  'proxy_set_header Connection $lameduck_connection;',
  'proxy_set_header X-Real-IP $remote_addr;',
  'proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;',
  'proxy_set_header X-Forwarded-Host $http_host;',
  'proxy_set_header X-Forwarded-Proto $scheme;',
  'proxy_set_header X-Request-Id $lameduck_request_id;',
  // Set always, so that no client can: an empty one is not sent.
  'proxy_set_header X-Lameduck-Retry $lameduck_promise;',
  'proxy_connect_timeout 5s;',
  'proxy_read_timeout 300s;',
  'proxy_send_timeout 300s;',
];
