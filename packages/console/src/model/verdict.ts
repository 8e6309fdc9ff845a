import type { NodeState, TrafficSample } from '@lameduck/core';
import { describeDivergence, findDivergence } from './divergence.ts';
import { formatCount, listNames, plural } from './format.ts';
import { formatRoute } from './route.ts';
import type { ConsoleState, NodeView } from './state.ts';
import { operationVerbs } from './steps.ts';
import { recentTraffic } from './traffic-now.ts';

/** `danger`: clients may suffer now. `attention`: somebody should look. `busy`: we are at work, nothing is wrong. */
export type Level = 'unknown' | 'calm' | 'busy' | 'attention' | 'danger';

export interface Finding {
  readonly level: 'danger' | 'attention' | 'busy';
  readonly title: string;
  readonly detail: string | undefined;
  readonly href: string | undefined;
}

/** The answer to "is anything in danger?". */
export interface Verdict {
  readonly level: Level;
  readonly headline: string;
  readonly detail: string;
  readonly findings: readonly Finding[];
}

export interface Tally {
  readonly total: number;
  readonly serving: number;
  readonly inRotation: number;
  readonly inFlight: number;
  readonly connections: number | undefined;
  readonly byState: Readonly<Record<NodeState, number>>;
}

/**
 * How many nodes are in each state, and what they have in flight. A node's own figure is an upper bound: what nginx has placed by
 * itself counts for each node that it may be on, so that the sum is taken from the sample where there is one.
 */
export function tally(nodes: Iterable<NodeView>, sample?: TrafficSample): Tally {
  const byState = { ready: 0, draining: 0, drained: 0, stopped: 0, starting: 0, unhealthy: 0 };
  let total = 0;
  let serving = 0;
  let inRotation = 0;
  let inFlight = 0;
  let connections: number | undefined;
  for (const { status } of nodes) {
    total += 1;
    if (status.state in byState) byState[status.state] += 1;
    if (status.inRotation) inRotation += 1;
    if (status.inRotation && status.health !== 'down') serving += 1;
    inFlight += sample?.nodes[status.name]?.inFlight ?? status.inFlight;
    if (status.connections !== undefined) connections = (connections ?? 0) + status.connections;
  }
  return { total, serving, inRotation, inFlight, connections, byState };
}

/** Shares of failed requests in the last ten seconds that are worth a look, and that are a danger. */
const errorShare = { attention: 0.01, danger: 0.1 } as const;

/** What the page says at the top. */
export function judge(state: ConsoleState): Verdict {
  if (!state.isLoaded) {
    return {
      level: 'unknown',
      headline: 'Looking.',
      detail: 'Waiting for the daemon’s first word.',
      findings: [],
    };
  }
  const seen = judgeSeen(state);
  if (state.link.phase === 'live' || state.link.phase === 'connecting') return seen;
  const detail = `Nobody knows from here whether anything is in danger. Last seen: ${seen.headline}`;
  return { level: 'unknown', headline: 'Out of sight.', detail, findings: [] };
}

function judgeSeen(state: ConsoleState): Verdict {
  const counts = tally(state.nodes.values());
  const findings = [
    ...nodeFindings(state, counts),
    ...edgeFindings(state),
    ...trafficFindings(state),
    ...serviceFindings(state),
    ...operationFindings(state),
  ].sort((a, b) => rank[a.level] - rank[b.level]);
  const worst = findings[0]?.level;
  if (worst === undefined) return calm(state, counts);
  return { level: worst, ...headlineOf(worst, findings, counts), findings };
}

const rank = { danger: 0, attention: 1, busy: 2 } as const;

function calm(state: ConsoleState, { total, serving }: Tally): Verdict {
  if (total === 0) {
    const detail = 'The service has no nodes yet. Add them to lameduck.yaml.';
    return { level: 'calm', headline: 'Nothing to watch.', detail, findings: [] };
  }
  const nodes = total === 1 ? 'The one node serves' : `All ${formatCount(total)} nodes serve`;
  const out = total - serving;
  const who =
    out === 0 ? nodes : `${serving} of ${total} nodes serve, ${out} ${out === 1 ? 'is' : 'are'} out by wish`;
  const edges = state.edges.length === 1 ? 'the edge has' : 'every edge has';
  return {
    level: 'calm',
    headline: 'Nothing is in danger.',
    detail: `${who}, and ${edges} loaded what was asked.`,
    findings: [],
  };
}

function headlineOf(
  level: Finding['level'],
  findings: readonly Finding[],
  { serving, total }: Tally,
): { headline: string; detail: string } {
  const first = findings[0];
  const serve = `${formatCount(serving)} of ${plural(total, 'node')} ${serving === 1 ? 'serves' : 'serve'}.`;
  if (level !== 'busy')
    return { headline: `${first?.title}.`, detail: [first?.detail, serve].filter(Boolean).join(' · ') };
  const others = findings.length > 1 ? ` And ${findings.length - 1} more.` : '';
  return { headline: 'Nothing is in danger.', detail: `${first?.title}.${others} ${serve}` };
}

function nodeFindings(state: ConsoleState, counts: Tally): Finding[] {
  const down = [...state.nodes.values()].filter(({ status }) => status.state === 'unhealthy');
  const findings: Finding[] = [];
  if (counts.total > 0 && counts.serving === 0 && state.paused === undefined) {
    findings.push(finding('danger', 'No node serves', 'What comes now waits at the edges, or fails.'));
  }
  if (state.panic !== undefined) {
    const { down: many, of } = state.panic;
    const why = 'Too many to be believed: the edges send to all of them.';
    findings.push(finding('danger', `${many} of ${of} nodes fail their checks at once`, why));
  }
  const [first] = down;
  if (first !== undefined) {
    const names = down.map(({ status }) => status.name);
    const title = `${listNames(names)} ${down.length === 1 ? 'is' : 'are'} unhealthy`;
    const isLast = counts.serving <= 1 && counts.total > 1;
    const reason = first.status.reason ?? first.status.lastCheck;
    findings.push(
      finding(isLast ? 'danger' : 'attention', title, reason, { page: 'node', node: first.status.name }),
    );
  }
  return findings;
}

function edgeFindings(state: ConsoleState): Finding[] {
  return state.edges.flatMap((edge) => {
    if (edge.state === 'failed') {
      return [finding('danger', `${edge.name} does not answer`, edge.reason)];
    }
    const divergence = findDivergence(edge, (name) => state.nodes.get(name)?.status.operation !== undefined);
    if (divergence === undefined || divergence.isUnderWay) return [];
    const title = `${edge.name} ${describeDivergence(divergence)}`;
    return [finding('danger', title, edge.reason ?? 'What nginx has loaded is not what was asked of it.')];
  });
}

function trafficFindings(state: ConsoleState): Finding[] {
  const { requests, errors } = recentTraffic(state.traffic, 10_000);
  const share = requests === 0 ? 0 : errors / requests;
  if (share < errorShare.attention) return [];
  const level = share < errorShare.danger ? 'attention' : 'danger';
  const percent = share < 0.1 ? (share * 100).toFixed(1) : String(Math.round(share * 100));
  const what = `${formatCount(errors)} of ${formatCount(requests)} in the last ten seconds`;
  return [finding(level, `${percent} % of requests fail`, what)];
}

function serviceFindings(state: ConsoleState): Finding[] {
  const findings: Finding[] = [];
  if (state.paused !== undefined) {
    const by = state.paused.by === undefined ? '' : ` by ${state.paused.by}`;
    findings.push(finding('attention', 'The service is paused', `Requests wait at the edges${by}.`));
  }
  const { rollout } = state;
  if (rollout?.state === 'aborted') {
    findings.push(finding('attention', 'The rollout was aborted', rollout.reason, { page: 'rollout' }));
  } else if (rollout?.state === 'paused') {
    const left = `${plural(rollout.pending.length, 'node')} to go`;
    findings.push(finding('busy', 'The rollout is paused', left, { page: 'rollout' }));
  }
  return findings;
}

function operationFindings(state: ConsoleState): Finding[] {
  const findings: Finding[] = [];
  const running = [...state.operations.values()].filter(({ report }) => report === undefined);
  const [first] = running;
  if (first !== undefined) {
    const names = listNames(running.map(({ node }) => node));
    const title =
      running.length === 1
        ? `${operationVerbs[first.kind]} of ${names} is under way`
        : `Work on ${names} is under way`;
    findings.push(finding('busy', title, undefined, { page: 'operation', id: first.id }));
  }
  if (state.lost > 0) {
    findings.push(
      finding('attention', `${plural(state.lost, 'request')} outlived a deadline and were cut`, undefined, {
        page: 'history',
        search: '',
      }),
    );
  }
  return findings;
}

function finding(
  level: Finding['level'],
  title: string,
  detail?: string,
  route?: Parameters<typeof formatRoute>[0],
): Finding {
  return { level, title, detail, href: route === undefined ? undefined : formatRoute(route) };
}
