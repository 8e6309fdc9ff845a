import { readFileSync } from 'node:fs';
import { formatAddress } from '@lameduck/core';
import type { EdgeMode } from '../../ports/edge.ts';
import { readOtherBuild } from './attached-master.ts';
import { auditConfig } from './audit/audit.ts';
import type { AuditNode, EdgeFinding } from './audit/finding.ts';
import { isAtLeast } from './build.ts';
import { loadDump } from './config/load.ts';
import { named } from './config/tree.ts';
import { findControlApi } from './control-api.ts';
import type { Attempt, Ground } from './open-edge.ts';
import { lookAtMaster } from './opened.ts';
import type { NginxEdgeOptions } from './options.ts';
import { rehearse } from './rehearse.ts';
import { refuseUpgrade } from './reload-change.ts';

/** How an edge would run. */
export interface EdgeCheck {
  /** `nginx/1.22.1`. */
  readonly server: string;
  readonly mode: EdgeMode;
  /** A reload of this nginx resets idle keep-alive connections of clients (before 1.27.4). */
  readonly resetsIdleClients: boolean;
  /** Reloads are asked of nginx's own Control API, else by HUP. */
  readonly asksControlApi: boolean;
  /** What was found out about the user's own nginx. */
  readonly attached?: AttachedNginx;
  /** What its configuration would lose; none for a managed edge. */
  readonly findings: readonly EdgeFinding[];
}

export interface AttachedNginx {
  /** Of the master; `undefined` where it does not run. */
  readonly pid: number | undefined;
  /** The version that runs, where it is not the one on disk. */
  readonly runningServer: string | undefined;
  readonly prefix: string;
  /** Where it serves its own Control API; `undefined` where it was started without `-l`. */
  readonly controlApi: string | undefined;
  /** As in its `load_module` lines. */
  readonly modules: readonly string[];
  /** As written; `undefined` where old workers may take as long as they like. */
  readonly workerShutdownTimeout: string | undefined;
  readonly files: readonly string[];
}

/** What the rules must know of the service. */
export interface EdgeExpectations {
  readonly timeoutGracefulShutdownMs: number;
  /** How long a node keeps idle connections, by its name, where that is known. */
  readonly keepAliveMs: ReadonlyMap<string, number>;
}

/**
 * What `open` would do, tested by nginx itself and taken back at once; nothing is started or signalled. Throws
 * what `open` would throw: `binaryMissing`, `edgeRejected`, `config`.
 */
export async function checkNginxEdge(
  options: NginxEdgeOptions,
  expectations: EdgeExpectations,
): Promise<EdgeCheck> {
  const { ground, attempt } = await rehearse(options);
  const { build, plan } = attempt.opened;
  const base = { server: build.server, mode: plan.mode, resetsIdleClients: !isAtLeast(build, 1, 27, 4) };
  if (options.kind === 'managed') return { ...base, asksControlApi: build.hasControlApi, findings: [] };
  const found = await checkAttached(ground, attempt, expectations);
  return { ...base, asksControlApi: found.attached.controlApi !== undefined, ...found };
}

async function checkAttached(
  { options, build, command, started, nodes }: Ground,
  { opened, installed }: Attempt,
  { timeoutGracefulShutdownMs, keepAliveMs }: EdgeExpectations,
): Promise<{ readonly attached: AttachedNginx; readonly findings: readonly EdgeFinding[] }> {
  refuseUpgrade(opened);
  const master = lookAtMaster(opened);
  const config = loadDump(installed.run.stdout);
  const running =
    master === undefined
      ? undefined
      : await readOtherBuild(master, build, command.binary, options.environment);
  const findings = auditConfig({
    config,
    service: options.service,
    include: opened.files.include,
    mode: opened.plan.mode,
    build: running ?? build,
    nodes: nodes.map(({ name, address }) => auditNode(name, formatAddress(address), options, keepAliveMs)),
    timeoutGracefulShutdownMs,
    migratesRequests: migratesRequests(),
  });
  const controlApi = master === undefined ? undefined : await findControlApi(master);
  const attached: AttachedNginx = {
    pid: master?.pid,
    runningServer: running?.server,
    prefix: started.prefix ?? build.prefix,
    controlApi: controlApi === undefined ? undefined : formatAddress(controlApi),
    modules: named(config.tree, 'load_module').map(({ words }) => words[0] ?? ''),
    workerShutdownTimeout: named(config.tree, 'worker_shutdown_timeout')[0]?.words[0],
    files: config.files,
  };
  return { attached, findings };
}

function auditNode(
  name: string,
  resolved: string,
  options: NginxEdgeOptions,
  keepAliveMs: ReadonlyMap<string, number>,
): AuditNode {
  const configured = options.nodes
    .filter((node) => node.name === name)
    .map(({ address }) => formatAddress(address));
  return { name, addresses: [...configured, resolved], keepAliveMs: keepAliveMs.get(name) };
}

function migratesRequests(): boolean {
  try {
    return readFileSync('/proc/sys/net/ipv4/tcp_migrate_req', 'latin1').trim() !== '0';
  } catch {
    return false;
  }
}
