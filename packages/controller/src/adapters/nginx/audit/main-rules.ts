import { formatMs } from '@lameduck/core';
import { isAtLeast } from '../build.ts';
import { effective } from '../config/effective.ts';
import type { Site } from '../config/follow.ts';
import { parseTimeMs } from '../config/times.ts';
import { type Directive, named, walk } from '../config/tree.ts';
import { type AuditInput, type EdgeFinding, finding } from './finding.ts';

/** What settings of the whole nginx would lose, whatever a location says. `ours` are the places that send to the service. */
export function checkMain(input: AuditInput, ours: readonly Site[]): readonly EdgeFinding[] {
  return [...shutdownTimeout(input), ...reusePort(input), ...codeCache(input), ...idleClients(input, ours)];
}

function shutdownTimeout({ config, timeoutGracefulShutdownMs: grace }: AuditInput): readonly EdgeFinding[] {
  const at = named(config.tree, 'worker_shutdown_timeout').at(-1);
  const ms = parseTimeMs(at?.words[0]);
  if (at === undefined || ms === undefined || ms >= grace) return [];
  const text = `worker_shutdown_timeout ${at.words[0]}: after each reload, also one of certbot or logrotate, every request that still runs after that time is cut, on healthy nodes too; a node has ${formatMs(grace)} for it (shutdown.timeoutGracefulShutdown)`;
  const fix = `worker_shutdown_timeout ${Math.ceil(grace / 1000)}s; or more, or remove the line`;
  return [finding('warning', 'worker-shutdown-timeout', at, text, fix)];
}

function reusePort({ config, migratesRequests, include }: AuditInput): readonly EdgeFinding[] {
  if (migratesRequests) return [];
  const text =
    'reuseport: each worker has a queue of its own; connections that wait in one when a reload ends its worker are reset';
  const fix = 'remove the word reuseport, or set the sysctl net.ipv4.tcp_migrate_req=1 (Linux 5.14)';
  return [...walk(config.tree)]
    .map(({ directive }) => directive)
    .filter((directive) => directive.name === 'listen' && directive.words.includes('reuseport'))
    .filter(({ file }) => file !== include)
    .map((at) => finding('warning', 'reuseport', at, text, fix));
}

function codeCache({ config, mode }: AuditInput): readonly EdgeFinding[] {
  if (mode !== 'gate') return [];
  const text =
    'lua_code_cache off: the gate is loaded anew for each request and cannot count what is in flight: a node may be signalled with requests on their way to it';
  return [...walk(config.tree)]
    .map(({ directive }) => directive)
    .filter((directive) => directive.name === 'lua_code_cache' && directive.words[0] === 'off')
    .map((at) => finding('warning', 'lua-code-cache', at, text, 'remove the line'));
}

/** Only where nginx has the directive; where it has not, each reload of reload mode is a warning of its own. */
function idleClients({ mode, build }: AuditInput, ours: readonly Site[]): readonly EdgeFinding[] {
  if (!isAtLeast(build, 1, 27, 4)) return [];
  const level = mode === 'reload' ? 'warning' : 'note';
  const text = `no keepalive_min_timeout: a request that comes on an idle connection in the moment of a reload is reset${mode === 'reload' ? ', with each node that goes out or comes back' : ' (lameduck reloads only when it starts; others may)'}`;
  const servers = new Set<Directive>();
  for (const { parents } of ours) {
    const server = parents.find(({ name }) => name === 'server');
    const ms = parseTimeMs(effective('keepalive_min_timeout', parents)?.words[0]) ?? 0;
    if (server !== undefined && ms === 0) servers.add(server);
  }
  return [...servers].map((at) =>
    finding(level, 'keepalive-min-timeout', at, text, 'keepalive_min_timeout 5s;'),
  );
}
