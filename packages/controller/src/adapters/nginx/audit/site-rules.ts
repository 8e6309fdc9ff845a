import { formatMs } from '@lameduck/core';
import { cutsAtReload, isAtLeast } from '../build.ts';
import { effective, effectiveAll } from '../config/effective.ts';
import type { Site } from '../config/follow.ts';
import { parseTimeMs } from '../config/times.ts';
import { type AuditInput, type EdgeFinding, finding } from './finding.ts';

type Rule = (site: Site, input: AuditInput) => readonly EdgeFinding[];

/** What one place that sends requests to the service would lose. */
export function checkSite(site: Site, input: AuditInput): readonly EdgeFinding[] {
  return rules.flatMap((rule) => rule(site, input));
}

const oneNode =
  'a request that meets a node which died or closed its connection is answered 502 instead of going to another node';

const nextUpstream: Rule = ({ parents, family }) => {
  const name = `${family}_next_upstream`;
  const at = effective(name, parents);
  if (at === undefined) return [];
  const fix = `remove the line, or write "${name} error timeout;"`;
  if (at.words.includes('off'))
    return [finding('warning', 'next-upstream-off', at, `${name} off: ${oneNode}`, fix)];
  const idempotent = at.words.includes('non_idempotent')
    ? [
        finding(
          'warning',
          'non-idempotent',
          at,
          `${name} … non_idempotent: a POST or PATCH is sent to a second node although the first may have executed it, each time a node dies or times out`,
          'remove the word non_idempotent',
        ),
      ]
    : [];
  if (at.words.includes('error')) return idempotent;
  return [
    ...idempotent,
    finding('warning', 'next-upstream-no-error', at, `${name} without "error": ${oneNode}`, fix),
  ];
};

const tries: Rule = ({ parents, family }) => {
  const name = `${family}_next_upstream_tries`;
  const at = effective(name, parents);
  if (at?.words[0] !== '1') return [];
  return [finding('warning', 'next-upstream-tries', at, `${name} 1: ${oneNode}`, 'remove the line')];
};

const unbuffered: Rule = ({ parents, family }) => {
  const name = `${family}_request_buffering`;
  const at = effective(name, parents);
  if (at?.words[0] !== 'off') return [];
  const text = `${name} off: an upload that has begun cannot go to another node; where its node dies or refuses it, it is lost`;
  return [finding('warning', 'unbuffered-upload', at, text, `remove the line, or write "${name} on;"`)];
};

const http10: Rule = ({ pass, parents, family }, { build }) => {
  if (family !== 'proxy') return [];
  const at = effective('proxy_http_version', parents);
  // from 1.29.7 HTTP/1.1 with keep-alive is what nginx does by itself
  const version = at?.words[0] ?? (isAtLeast(build, 1, 29, 7) ? '1.1' : '1.0');
  if (version !== '1.0') return [];
  const text =
    'HTTP/1.0 to the nodes: an answer without a length that a dying node cuts off looks complete, connections are not kept, WebSockets do not pass';
  return [
    finding(
      'warning',
      'http-1.0',
      at ?? pass,
      text,
      'proxy_http_version 1.1; proxy_set_header Connection "";',
    ),
  ];
};

const connectionHeader: Rule = ({ pass, parents, family }, { build }) => {
  if (family !== 'proxy') return [];
  const headers = effectiveAll('proxy_set_header', parents);
  const at = headers.findLast(({ words }) => words[0]?.toLowerCase() === 'connection');
  const isDefault = at === undefined && !isAtLeast(build, 1, 29, 7);
  if (!isDefault && at?.words[1]?.toLowerCase() !== 'close') return [];
  const inherited = headers.length > 0 && at === undefined;
  const why = inherited ? ' (the proxy_set_header lines here replace all those of the levels above)' : '';
  const text = `Connection: close to the nodes${why}: each request opens a connection of its own; one that waits in the queue of a node that dies is lost, and each costs a round trip`;
  const fix = 'proxy_set_header Connection ""; (for WebSockets: a map of $http_upgrade)';
  return [finding('warning', 'connection-close', at ?? headers[0] ?? pass, text, fix)];
};

const defaultReadMs = 60_000;

const readTimeout: Rule = ({ pass, parents, family }, { timeoutGracefulShutdownMs: grace }) => {
  const name = `${family}_read_timeout`;
  const at = effective(name, parents);
  const ms = at === undefined ? defaultReadMs : parseTimeMs(at.words[0]);
  if (ms === undefined || ms >= grace) return [];
  const text = `${name} ${at === undefined ? 'is 60s by default and ' : ''}${at?.words[0] ?? ''} ends requests before the ${formatMs(grace)} that a node has to finish them (shutdown.timeoutGracefulShutdown): the client gets 504 while the node still works`;
  return [
    finding(
      'warning',
      'read-timeout',
      at ?? pass,
      text.replace('  ', ' '),
      `${name} ${Math.ceil(grace / 1000)}s; or more`,
    ),
  ];
};

const buffering: Rule = ({ pass, parents, family }, { build, mode }) => {
  const name = `${family}_buffering`;
  const at = effective(name, parents);
  if (mode !== 'reload' || !cutsAtReload(build) || at?.words[0] === 'off') return [];
  const text = `${name} on: this nginx (before 1.23.1) may cut a large answer short at a reload, with each node that goes out or comes back`;
  const fix = `${name} off; or nginx 1.23.1 or later`;
  return [finding('warning', 'buffered-answers', at ?? pass, text, fix)];
};

const rules: readonly Rule[] = [
  ...[nextUpstream, tries, unbuffered, http10, connectionHeader, readTimeout],
  buffering,
];
