import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkNginxEdge, checkUnit, type EdgeCheck } from '@lameduck/controller';
import { type EdgeConfig, formatAddress, formatMs, type NodeConfig } from '@lameduck/core';
import { type Logger, pino } from 'pino';
import { composeRunner, edgeOptions } from '../compose.ts';
import { counted } from '../output/counted.ts';
import { hasPromiseToken } from '../promise-token.ts';
import type { Service } from '../service.ts';
import { attachedFindings } from './check-attached.ts';
import { checkHooks } from './check-hooks.ts';
import { checkHost } from './check-host.ts';
import { checkRules, keepAliveTimes } from './check-rules.ts';
import { type Finding, failed, ok, warning } from './finding.ts';

/** Longest time that one trial may take: `gunicorn --version` on a loaded machine is the slowest. */
const trialMs = 30_000;

/** Tries everything that can be tried without starting or signalling anything. */
export async function checkService(service: Service, isUp: boolean): Promise<readonly Finding[]> {
  const { config, file } = service;
  const host = await checkHost(service, isUp);
  const { edges, nodes } = await withTrialPaths(service, tryAll);
  const hooks = await checkHooks(service);
  const size = `${counted(config.edges.length, 'edge')}, ${counted(config.nodes.length, 'node')}${isUp ? ', running' : ''}`;
  return [
    ok('config', `${file}: ${size}`),
    ...checkRules(config),
    ...host,
    ...hooks,
    ...edges.flat(),
    ...nodes.flat(),
  ];
}

interface Trials {
  readonly edges: readonly (readonly Finding[])[];
  readonly nodes: readonly (readonly Finding[])[];
}

async function tryAll(service: Service): Promise<Trials> {
  const { config } = service;
  const logger = pino({ level: 'silent' });
  const edges = await Promise.all(config.edges.map((edge) => checkEdge(edge, service, logger)));
  const nodes = await Promise.all(config.nodes.map((node) => checkNode(node, service, logger)));
  return { edges, nodes };
}

/** The token that edges and nodes share is made where there is none: for a check elsewhere than in the state folder. */
async function withTrialPaths<T>(service: Service, work: (service: Service) => Promise<T>): Promise<T> {
  const { paths } = service;
  const trial = mkdtempSync(join(tmpdir(), 'lameduck-check-'));
  try {
    const state = hasPromiseToken(paths.state) ? paths.state : trial;
    return await work({ ...service, paths: { ...paths, state } });
  } finally {
    rmSync(trial, { recursive: true, force: true });
  }
}

async function checkEdge(edge: EdgeConfig, service: Service, logger: Logger): Promise<readonly Finding[]> {
  const subject = `edge ${edge.name}`;
  try {
    const found = await checkNginxEdge(edgeOptions(edge, service.config, service.paths, logger), {
      timeoutGracefulShutdownMs: service.config.shutdown.timeoutGracefulShutdownMs,
      keepAliveMs: keepAliveTimes(service.config),
    });
    const where = edge.kind === 'managed' ? `on ${formatAddress(edge.listen)}` : `attached to ${edge.conf}`;
    const api = found.asksControlApi ? ', its Control API is asked for reloads' : '';
    const text = `${found.server} ${where}, ${found.mode} mode${api}; nginx -t takes its configuration`;
    const facts = found.attached === undefined ? {} : { facts: found.attached };
    return [
      { ...ok(subject, text), ...facts },
      ...resetWarning(subject, found),
      ...attachedFindings(subject, found),
    ];
  } catch (error) {
    return [failed(subject, error)];
  }
}

function resetWarning(subject: string, { mode, resetsIdleClients }: EdgeCheck): readonly Finding[] {
  if (mode === 'gate' || !resetsIdleClients) return [];
  const text =
    'each change reloads nginx, which resets idle keep-alive connections of clients; install the Lua module for the gate (Debian: libnginx-mod-http-lua) or nginx 1.27.4';
  return [warning(subject, text)];
}

async function unitFindings(
  subject: string,
  node: NodeConfig,
  { config }: Service,
): Promise<readonly Finding[]> {
  if (node.kind !== 'systemd') return [];
  const { name, unit, isUserUnit } = node;
  const limits = { ...config.shutdown, startupMs: config.startup.timeoutMs };
  const findings = await checkUnit({ node: name, unit, isUserUnit }, limits);
  return findings.map(({ text, ...finding }) => ({ ...finding, subject, text: `${unit}: ${text}` }));
}

async function checkNode(node: NodeConfig, service: Service, logger: Logger): Promise<readonly Finding[]> {
  const subject = `node ${node.name}`;
  const runner = composeRunner(node, service.config, service.paths, logger);
  try {
    const [program = ''] = await runner.check(AbortSignal.timeout(trialMs));
    const { health } = node;
    const detection = formatMs(health.fall * health.intervalMs);
    return [
      ok(
        subject,
        `${node.kind} on ${formatAddress(node.address)}, run by ${program}; a failure is noticed within ${detection}`,
      ),
      ...(await unitFindings(subject, node, service)),
    ];
  } catch (error) {
    return [failed(subject, error)];
  }
}
