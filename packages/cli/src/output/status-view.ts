import { type EdgeView, formatMs, type NodeState, type NodeStatus, type ServiceStatus } from '@lameduck/core';
import { counted } from './counted.ts';
import { formatRolloutHead } from './rollout-view.ts';
import type { Screen } from './screen.ts';
import { formatTable } from './table.ts';
import { weightNote } from './weight-note.ts';

const colours: Readonly<Record<NodeState, 'green' | 'yellow' | 'red' | 'gray' | 'cyan'>> = {
  ready: 'green',
  draining: 'yellow',
  drained: 'yellow',
  starting: 'cyan',
  stopped: 'gray',
  unhealthy: 'red',
};

/** The service as a person reads it at a glance: edges, then nodes, each with its reason where it is not well. */
export function formatStatus(status: ServiceStatus, screen: Screen): string {
  const title = (text: string): string => screen.paint('bold', text);
  const edges = status.edges.map((edge) => [
    edge.name,
    edge.mode,
    screen.paint(edge.state === 'ready' ? 'green' : 'red', edge.state),
    edge.listen ?? '',
    edge.server,
    edge.pid === undefined ? '' : `pid ${edge.pid}`,
    edge.reason ?? followLine(edge),
  ]);
  const nodes = status.nodes.map((node) => nodeRow(node, screen));
  return [
    `${title(status.service)}  ${countReady(status)}`,
    ...panicLine(status, screen),
    ...pauseLine(status, screen),
    ...rolloutLine(status, screen),
    '',
    formatTable([['EDGE', 'MODE', 'STATE', 'LISTEN', 'SERVER', 'PROCESS', ''], ...edges]),
    '',
    formatTable([
      [
        'NODE',
        'KIND',
        'STATE',
        'FOR',
        'ROTATION',
        'IN FLIGHT',
        'ADDRESS',
        'PROCESS',
        'WORKERS',
        'LAST CHECK',
      ],
      ...nodes,
    ]),
  ].join('\n');
}

/** What an edge that runs has still to do. */
function followLine({ state, isConverged, desired }: EdgeView): string {
  if (state !== 'ready' || isConverged) return '';
  return `does not follow yet: to leave out ${desired.join(', ') || 'nobody'}`;
}

function countReady({ nodes, edges }: ServiceStatus): string {
  const ready = nodes.filter((node) => node.inRotation && node.state === 'ready').length;
  const open = edges.filter((edge) => edge.state === 'ready').length;
  return `${ready} of ${counted(nodes.length, 'node')} ready, ${open} of ${counted(edges.length, 'edge')} ready`;
}

function panicLine({ panic }: ServiceStatus, screen: Screen): readonly string[] {
  if (panic === undefined) return [];
  const line = `panic: checks say that ${panic.down} of ${counted(panic.of, 'node')} are down: all are sent to (availability.panic)`;
  return [screen.paint('red', line)];
}

function pauseLine({ paused, edges }: ServiceStatus, screen: Screen): readonly string[] {
  if (paused === undefined) return [];
  const held = edges.reduce((sum, edge) => sum + (edge.held ?? 0), 0);
  const by = paused.by === undefined ? '' : ` by ${paused.by}`;
  const since = formatMs(Math.max(0, Date.now() - paused.sinceMs));
  const line = `paused for ${since}${by}: ${counted(held, 'request')} waiting, each at most ${formatMs(paused.holdMs)}`;
  return [screen.paint('yellow', line)];
}

function rolloutLine({ rollout }: ServiceStatus, screen: Screen): readonly string[] {
  if (rollout === undefined || rollout.state === 'done' || rollout.state === 'aborted') return [];
  return [formatRolloutHead(rollout, Date.now(), screen)];
}

function rotation(node: NodeStatus, screen: Screen): string {
  const note = weightNote(node);
  const word = node.inRotation ? 'in' : screen.paint('yellow', 'out');
  return note === '' ? word : `${word}, ${screen.paint('yellow', note)}`;
}

/** A worker that is hung is ended by its arbiter soon, with all that it has. */
function workerCount({ workers }: NodeStatus, screen: Screen): string {
  const hung = workers.filter(({ state }) => state === 'hung').length;
  return hung === 0 ? String(workers.length) : `${workers.length}, ${screen.paint('red', `${hung} hung`)}`;
}

function nodeRow(node: NodeStatus, screen: Screen): readonly string[] {
  const { operation } = node;
  const doing = operation === undefined ? '' : ` (${operation.kind}: ${operation.phase})`;
  return [
    node.name,
    node.kind,
    screen.paint(colours[node.state], node.state) + doing,
    formatMs(node.stateMs),
    rotation(node, screen),
    String(node.inFlight),
    node.address,
    node.pid === undefined ? '' : `pid ${node.pid}`,
    workerCount(node, screen),
    node.reason ?? node.lastCheck ?? '',
  ];
}
