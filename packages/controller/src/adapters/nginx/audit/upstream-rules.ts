import { formatMs } from '@lameduck/core';
import { isAtLeast } from '../build.ts';
import { comparable, type Site } from '../config/follow.ts';
import { parseTimeMs } from '../config/times.ts';
import { type Directive, named, walk } from '../config/tree.ts';
import { type AuditInput, type AuditNode, type EdgeFinding, finding } from './finding.ts';

/** What reaches our nodes past our upstream: it knows nothing of who is out. */
export function checkBypasses(input: AuditInput, sites: readonly Site[]): readonly EdgeFinding[] {
  return [
    ...sites.flatMap((site) => directPass(site, input)),
    ...foreignUpstreams(input, sites).flatMap((upstream) => checkUpstream(upstream, input)),
  ];
}

function nodeAt(address: string | undefined, nodes: readonly AuditNode[]): AuditNode | undefined {
  if (address === undefined) return undefined;
  return nodes.find(({ addresses }) => addresses.some((one) => comparable(one) === comparable(address)));
}

function directPass({ pass, targets }: Site, { nodes, service }: AuditInput): readonly EdgeFinding[] {
  return targets.flatMap((target) => {
    const node = nodeAt(target, nodes);
    if (node === undefined) return [];
    const text = `goes straight to node "${node.name}" (${target}): requests are still sent to it while it is out, and are lost when it stops`;
    return [finding('warning', 'bypass', pass, text, `${pass.name} http://${service};`)];
  });
}

/** Upstreams with an address of ours that something sends to, or may: not every place can be followed. */
function foreignUpstreams({ config, service }: AuditInput, sites: readonly Site[]): readonly Directive[] {
  const mayBeAny = sites.some(({ unknown }) => unknown.length > 0);
  const used = new Set(sites.flatMap(({ targets }) => targets));
  const found: Directive[] = [];
  for (const { directive, parents } of walk(config.tree)) {
    const [name = ''] = directive.words;
    if (directive.name !== 'upstream' || directive.block === undefined) continue;
    if (name === service && parents[0]?.name === 'http') continue;
    if (mayBeAny || used.has(name)) found.push(directive);
  }
  return found;
}

function checkUpstream(upstream: Directive, input: AuditInput): readonly EdgeFinding[] {
  const servers = named(upstream.block, 'server');
  const ours = servers.filter(({ words }) => nodeAt(words[0], input.nodes) !== undefined);
  if (ours.length === 0) return [];
  const name = upstream.words[0] ?? '';
  const bypasses = ours.map((at) => {
    const text = `upstream "${name}" sends to node "${nodeAt(at.words[0], input.nodes)?.name}" past lameduck: requests are still sent to it while it is out, and are lost when it stops`;
    return finding(
      'warning',
      'bypass',
      at,
      text,
      `proxy_pass http://${input.service}; where it says ${name}`,
    );
  });
  return [
    ...bypasses,
    ...missingZone(upstream, name),
    ...failureMarks(ours, servers.length),
    ...keepAlive(upstream, ours, input),
  ];
}

function missingZone(upstream: Directive, name: string): readonly EdgeFinding[] {
  if (named(upstream.block, 'zone').length > 0) return [];
  const text = `upstream "${name}" has no zone: each nginx worker finds out by itself, with requests of its own, that a node is gone`;
  return [finding('warning', 'missing-zone', upstream, text, `zone ${name} 256k;`)];
}

const longFailMs = 10_000;

/** The marks that nginx gives by itself: none, or too long for two restarts one after the other. */
function failureMarks(servers: readonly Directive[], count: number): readonly EdgeFinding[] {
  if (count < 2) return [];
  return servers.flatMap((at) => {
    const option = (key: string): string | undefined =>
      at.words.find((word) => word.startsWith(`${key}=`))?.slice(key.length + 1);
    if (option('max_fails') === '0') {
      const text =
        'max_fails=0: a node that is gone is tried again by each request, which then waits for it first';
      return [finding('warning', 'max-fails', at, text, 'max_fails=1 fail_timeout=1s')];
    }
    const ms = parseTimeMs(option('fail_timeout')) ?? longFailMs;
    if (ms < longFailMs) return [];
    const text = `fail_timeout is ${formatMs(ms)}${option('fail_timeout') === undefined ? ' by default' : ''}: a restarted node is left out that long; when the others fail meanwhile, requests get 502 (no live upstreams)`;
    return [finding('warning', 'fail-timeout', at, text, 'max_fails=1 fail_timeout=1s')];
  });
}

const defaultKeepAliveMs = 60_000;

function keepAlive(
  upstream: Directive,
  servers: readonly Directive[],
  { nodes, build }: AuditInput,
): readonly EdgeFinding[] {
  const pool = named(upstream.block, 'keepalive').at(-1);
  const isKept = pool === undefined ? isAtLeast(build, 1, 29, 7) : pool.words[0] !== '0';
  if (!isKept) return [];
  const at = named(upstream.block, 'keepalive_timeout').at(-1);
  const ms = parseTimeMs(at?.words[0]) ?? defaultKeepAliveMs;
  const sooner = servers
    .map(({ words }) => nodeAt(words[0], nodes))
    .find((node) => node?.keepAliveMs !== undefined && node.keepAliveMs <= ms);
  if (sooner?.keepAliveMs === undefined) return [];
  const text = `keepalive_timeout is ${formatMs(ms)}${at === undefined ? ' by default' : ''}, node "${sooner.name}" closes idle connections after ${formatMs(sooner.keepAliveMs)}: a POST that meets the closing connection gets 502`;
  const fix = `keepalive_timeout ${Math.max(1, Math.floor(sooner.keepAliveMs / 1000) - 1)}s; less than the node's own`;
  return [finding('warning', 'keepalive-timeout', at ?? pool ?? upstream, text, fix)];
}
