import { stripVTControlCharacters } from 'node:util';
import { formatMs, type NodeState, type ServiceStatus } from '@lameduck/core';
import { counted } from '../output/counted.ts';
import { oneLine } from '../output/event-line.ts';
import type { Screen } from '../output/screen.ts';
import { weightNote } from '../output/weight-note.ts';
import { formatBar, formatCurve } from './bars.ts';
import type { NodeView, TopModel } from './model.ts';
import { errorsPerSecond, perSecond } from './rates.ts';

export interface Size {
  readonly columns: number;
  readonly rows: number;
}

type Paint = Screen['paint'];
type Colour = 'green' | 'yellow' | 'red' | 'gray' | 'cyan';

const marks: Readonly<Record<NodeState, readonly [mark: string, colour: Colour]>> = {
  ready: ['●', 'green'],
  draining: ['◐', 'yellow'],
  drained: ['○', 'yellow'],
  starting: ['◔', 'cyan'],
  stopped: ['■', 'gray'],
  unhealthy: ['✖', 'red'],
};
/** What needs somebody comes first. */
const urgency: readonly NodeState[] = ['unhealthy', 'draining', 'starting', 'stopped', 'drained', 'ready'];

const escapeCharacter = '\u001B';
const colourCode = new RegExp(`(${escapeCharacter}\\[[\\d;]*m)`);

/** The whole screen as lines, none longer than it is wide. */
export function renderTop(model: TopModel, size: Size, now: number, paint: Paint): readonly string[] {
  const { status } = model;
  if (status === undefined) return ['', ` ${model.lost ?? 'waiting for the controller …'}`];
  const head = [...titleLines(model, status, size, paint), '', ...edgeLines(status, paint), ''];
  const foot = footLines(model, size, paint);
  const room = Math.max(1, size.rows - head.length - foot.length - 1);
  const body = nodeLines(model, room, size, now, paint);
  const space = Array.from({ length: Math.max(0, room + 1 - body.length) }, () => '');
  return [...head, ...body, ...space, ...foot].slice(0, size.rows).map((line) => cut(line, size.columns));
}

function titleLines(model: TopModel, status: ServiceStatus, size: Size, paint: Paint): readonly string[] {
  const ready = [...model.nodes.values()].filter(
    ({ status: node }) => node.inRotation && node.state === 'ready',
  ).length;
  const all = counted(model.nodes.size, 'node');
  const well =
    ready === model.nodes.size
      ? paint('green', `${ready} of ${all} ready`)
      : paint('yellow', `${ready} of ${all} ready`);
  const live = model.lost === undefined ? paint('green', '● live') : paint('red', `✖ ${model.lost}`);
  const left = ` ${paint('bold', status.service)}  ${well}${flagsOf(status, paint)}`;
  const right = `${paint('gray', `lameduck ${status.version ?? ''}`)}  ${live} `;
  return [join(left, right, size.columns), ...trafficLine(model, size, paint)];
}

function flagsOf({ panic, paused, rollout }: ServiceStatus, paint: Paint): string {
  const told = [
    ...(panic === undefined ? [] : [paint('red', `PANIC: ${panic.down} of ${panic.of} down`)]),
    ...(paused === undefined ? [] : [paint('yellow', 'HELD at the edges')]),
    ...(rollout === undefined || rollout.state === 'done' || rollout.state === 'aborted'
      ? []
      : [
          paint(
            'cyan',
            `rollout ${rollout.state}: ${rollout.done.length} done, ${rollout.pending.length} to come`,
          ),
        ]),
  ];
  return told.map((text) => `  ${text}`).join('');
}

function trafficLine(
  { traffic, rates, nodes }: TopModel,
  { columns }: Size,
  paint: Paint,
): readonly string[] {
  // a node's own figure is an upper bound: what nginx has placed by itself counts for each node that it may be on
  const inFlight = [...nodes.values()].reduce(
    (sum, { status }) => sum + (traffic?.nodes[status.name]?.inFlight ?? status.inFlight),
    0,
  );
  if (traffic === undefined) return [` ${inFlight} in flight`];
  const { requests, errors, p50Ms, p99Ms } = traffic.total;
  const wrong =
    errors === 0 ? paint('gray', '0 errors/s') : paint('red', `${errorsPerSecond(errors, traffic)} errors/s`);
  const text = ` ${paint('bold', String(perSecond(requests, traffic)))} req/s   p50 ${latency(p50Ms)}   p99 ${latency(p99Ms)}   ${wrong}   ${inFlight} in flight`;
  const width = Math.min(60, columns - visible(text) - 3);
  return width < 10 ? [text] : [join(text, `${paint('cyan', formatCurve(rates, width))} `, columns)];
}

function edgeLines({ edges }: ServiceStatus, paint: Paint): readonly string[] {
  return edges.map(({ name, mode, state, listen, server, out = [], isConverged, reason }) => {
    const isWell = state === 'ready' && isConverged !== false;
    const mark = paint(isWell ? 'green' : 'red', isWell ? '●' : '✖');
    const outs = out.length === 0 ? '' : `  ${paint('yellow', `out: ${out.join(', ')}`)}`;
    const differs = isConverged === false ? `  ${paint('red', 'not what is wanted')}` : '';
    const why = reason === undefined ? '' : `  ${oneLine(reason)}`;
    return ` ${mark} ${name}  ${paint('gray', [listen, server, mode].filter((word) => word !== undefined).join('  '))}${outs}${differs}${why}`;
  });
}

interface Columns {
  readonly name: number;
  readonly bar: number;
}

function nodeLines(model: TopModel, room: number, size: Size, now: number, paint: Paint): readonly string[] {
  const nodes = [...model.nodes.values()].sort(byUrgency);
  const name = Math.min(24, Math.max(4, ...nodes.map(({ status }) => status.name.length)));
  const columns = { name, bar: size.columns >= 110 ? 20 : size.columns >= 80 ? 10 : 4 };
  const most = Math.max(
    1,
    ...nodes.map(({ status }) => model.traffic?.nodes[status.name]?.inFlight ?? status.inFlight),
  );
  const heading = ` ${'  NODE'.padEnd(name + 2)}  ${'STATE'.padEnd(9)}  ${'FOR'.padStart(6)}  ${'IN FLIGHT'.padEnd(columns.bar + 5)}  ${'REQ/S'.padStart(6)}  ${'P99'.padStart(7)}  ${'ERR/S'.padStart(5)}  LAST CHECK`;
  const shown = nodes.length > room ? nodes.slice(0, room - 1) : nodes;
  const left = nodes.slice(shown.length);
  return [
    paint('gray', heading),
    ...shown.map((node) => nodeLine(node, model, { columns, most, now, paint })),
    ...(left.length === 0
      ? []
      : [
          paint(
            'gray',
            `   … ${left.length} more, all ${[...new Set(left.map(({ status }) => status.state))].join(' or ')}`,
          ),
        ]),
  ];
}

interface Around {
  readonly columns: Columns;
  readonly most: number;
  readonly now: number;
  readonly paint: Paint;
}

function nodeLine({ status, at, check }: NodeView, { traffic }: TopModel, around: Around): string {
  const { columns, most, now, paint } = around;
  const [mark, colour] = marks[status.state];
  const sample = traffic?.nodes[status.name];
  const inFlight = sample?.inFlight ?? status.inFlight;
  const bar = paint(
    status.inRotation ? 'cyan' : 'yellow',
    formatBar(inFlight, Math.max(most, inFlight), columns.bar),
  );
  const errors = traffic === undefined ? 0 : errorsPerSecond(sample?.errors ?? 0, traffic);
  const requests =
    traffic === undefined || sample === undefined ? undefined : perSecond(sample.requests, traffic);
  return [
    ` ${paint(colour, mark)} ${status.name.slice(0, columns.name).padEnd(columns.name)}`,
    paint(colour, status.state.padEnd(9)),
    age(status.stateMs + now - at).padStart(6),
    `${bar} ${String(inFlight).padStart(4)}`,
    String(requests ?? '–').padStart(6),
    latency(sample?.p99Ms).padStart(7),
    errors === 0 ? (sample === undefined ? '–' : '0').padStart(5) : paint('red', String(errors).padStart(5)),
    [weightNote(status), lastCheck(status, check, paint)].filter((text) => text !== '').join(', '),
  ].join('  ');
}

function lastCheck(
  { operation, reason, lastCheck: last, state }: NodeView['status'],
  check: NodeView['check'],
  paint: Paint,
): string {
  if (operation !== undefined) return paint('yellow', `${operation.kind}: ${operation.phase}`);
  if (state !== 'ready' && reason !== undefined)
    return paint(state === 'unhealthy' ? 'red' : 'yellow', oneLine(reason));
  const took = check === undefined ? '' : paint('gray', ` ${latency(check.ms)}`);
  return `${oneLine(last ?? '')}${took}`;
}

function footLines({ news }: TopModel, { rows, columns }: Size, paint: Paint): readonly string[] {
  const count = Math.max(0, Math.min(news.length, Math.floor(rows / 4)));
  const rule = paint('gray', '─'.repeat(columns));
  const lines = count === 0 ? [] : [rule, ...news.slice(-count).map((line) => paint('gray', ` ${line}`))];
  return [...lines, paint('gray', ' q quit')];
}

function byUrgency({ status: one }: NodeView, { status: other }: NodeView): number {
  const by = urgency.indexOf(one.state) - urgency.indexOf(other.state);
  return by === 0 ? one.name.localeCompare(other.name, 'en', { numeric: true }) : by;
}

/** `812ms`, `3s`, `12m`, `4h`, `3d`: one number is enough to see. */
function age(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  if (seconds < 60) return `${seconds}s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m`;
  return seconds < 86_400 ? `${Math.floor(seconds / 3600)}h` : `${Math.floor(seconds / 86_400)}d`;
}

function latency(ms: number | undefined): string {
  if (ms === undefined) return '–';
  return ms < 10
    ? `${Math.round(ms * 10) / 10} ms`
    : ms < 1000
      ? `${Math.round(ms)} ms`
      : formatMs(Math.round(ms));
}

function visible(text: string): number {
  return stripVTControlCharacters(text).length;
}

/** One text on the left and one on the right, where there is room for both. */
function join(left: string, right: string, columns: number): string {
  const gap = columns - visible(left) - visible(right);
  return gap < 2 ? left : left + ' '.repeat(gap) + right;
}

/** Cuts what is seen, never a colour; text of others cannot move the cursor. */
function cut(line: string, columns: number): string {
  if (visible(line) <= columns) return line;
  let room = columns - 1;
  let kept = '';
  for (const part of line.split(colourCode)) {
    if (part.startsWith(escapeCharacter)) kept += part;
    else {
      kept += part.slice(0, room);
      room -= Math.min(room, part.length);
    }
  }
  return `${kept}…`;
}
