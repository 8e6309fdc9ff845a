import { formatMs, type OperationProgress } from '@lameduck/core';
import { formatCriteria } from './criteria-view.ts';
import { formatRolloutHead } from './rollout-view.ts';
import type { Screen } from './screen.ts';
import { edgeDetail, phaseTitles, type StepBoard } from './step-board.ts';

/** What a node is about, as far as it was told. */
interface NodeLine {
  readonly title: string;
  readonly detail: string;
  readonly since: number;
}

/** What was told of a rollout so far. */
export interface RolloutPicture {
  readonly status: Extract<OperationProgress, { type: 'rollout' }>['status'] | undefined;
  readonly nodes: ReadonlyMap<string, NodeLine>;
  readonly ended: ReadonlyMap<string, { readonly isGood: boolean; readonly text: string }>;
}

export const emptyPicture: RolloutPicture = { status: undefined, nodes: new Map(), ended: new Map() };

/** The picture after one more thing was told. */
export function addProgress(
  picture: RolloutPicture,
  progress: OperationProgress,
  now: number,
): RolloutPicture {
  switch (progress.type) {
    case 'rollout':
      return { ...picture, status: progress.status };
    case 'phase':
      return withNode(picture, progress.node, { title: phaseTitles[progress.phase], detail: '', since: now });
    case 'inFlight':
      return withDetail(picture, progress.node, `${progress.count} in flight`);
    case 'edge':
      return withDetail(picture, progress.node, edgeDetail(progress));
    case 'waiting':
      return withDetail(picture, progress.node, progress.reason);
    case 'nodeReport': {
      const { node, result, ms, lost, rolledBack } = progress.report;
      const back = rolledBack === true ? ', rolled back' : '';
      const isGood = result !== 'failed' && result !== 'refused';
      const text = `${isGood ? 'back in rotation' : result} after ${formatMs(ms)}, lost ${lost}${back}`;
      const nodes = new Map([...picture.nodes].filter(([name]) => name !== node));
      return { ...picture, nodes, ended: new Map([...picture.ended, [node, { isGood, text }]]) };
    }
    case 'phaseEnded':
      return picture;
  }
}

function withNode(picture: RolloutPicture, node: string, line: NodeLine): RolloutPicture {
  return { ...picture, nodes: new Map([...picture.nodes, [node, line]]) };
}

function withDetail(picture: RolloutPicture, node: string, detail: string): RolloutPicture {
  const line = picture.nodes.get(node);
  return line === undefined ? picture : withNode(picture, node, { ...line, detail });
}

const frames = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
const tickMs = 100;

/** The picture as lines: canaries, what is seen of them, the others; at most so many that they fit. */
export function drawRollout(
  picture: RolloutPicture,
  now: number,
  screen: Screen,
  mostLines: number,
): readonly string[] {
  const { status } = picture;
  if (status === undefined) return [];
  const spinner = screen.paint('cyan', frames[Math.floor(now / tickMs) % frames.length] ?? '');
  const canaries = status.canaryNodes ?? [];
  const draw = (node: string): string => drawNode(picture, node, spinner, now, screen);
  const ended = status.done.filter((node) => !canaries.includes(node));
  const busy = [...picture.nodes.keys()].filter((node) => !canaries.includes(node));
  const left = status.pending.filter((node) => !canaries.includes(node));
  const head = [formatRolloutHead(status, Date.now(), screen)];
  const first = [
    ...canaries.map((node) => `${draw(node)}${screen.paint('gray', '  canary')}`),
    ...formatCriteria(status.criteria ?? [], screen).map((line) => `    ${line}`),
  ];
  const waiting = left.length === 0 ? [] : [screen.paint('gray', `· ${left.join(', ')}`)];
  const room = Math.max(1, mostLines - head.length - first.length - busy.length - waiting.length);
  const shown = ended.slice(-room);
  const hidden = ended.length - shown.length;
  const before = hidden === 0 ? [] : [`${screen.paint('green', '✔')} ${hidden} more`];
  return [...head, ...first, ...before, ...shown.map(draw), ...busy.map(draw), ...waiting];
}

function drawNode(
  { nodes, ended }: RolloutPicture,
  node: string,
  spinner: string,
  now: number,
  screen: Screen,
): string {
  const line = nodes.get(node);
  if (line !== undefined) {
    const detail = line.detail === '' ? '' : `: ${line.detail}`;
    return `${spinner} ${node}  ${line.title}${detail}  ${screen.paint('gray', formatMs(now - line.since))}`;
  }
  const end = ended.get(node);
  if (end === undefined) return screen.paint('gray', `· ${node}`);
  return `${end.isGood ? screen.paint('green', '✔') : screen.paint('red', '✖')} ${node}  ${end.text}`;
}

/** Draws the rollout anew ten times a second on a terminal; elsewhere a line for each step and each change of state. */
export function createRolloutBoard(screen: Screen, plain: StepBoard): StepBoard {
  return screen.isLive ? new LiveRolloutBoard(screen) : new PlainRolloutBoard(screen, plain);
}

class PlainRolloutBoard implements StepBoard {
  readonly #screen: Screen;
  readonly #plain: StepBoard;
  #last = '';

  constructor(screen: Screen, plain: StepBoard) {
    this.#screen = screen;
    this.#plain = plain;
  }

  show(progress: OperationProgress): void {
    if (progress.type !== 'rollout') {
      this.#plain.show(progress);
      return;
    }
    const { state, reason, soakMs, canaryNodes = [] } = progress.status;
    const what = state === 'soaking' ? ` ${canaryNodes.join(', ')} for ${formatMs(soakMs ?? 0)}` : '';
    const line = `rollout  ${state}${what}${reason === undefined ? '' : `: ${reason}`}`;
    if (line !== this.#last && state !== 'done') this.#screen.note(line);
    this.#last = line;
  }

  close(): Promise<void> {
    return this.#plain.close();
  }
}

class LiveRolloutBoard implements StepBoard {
  readonly #screen: Screen;
  readonly #timer: NodeJS.Timeout;
  #picture = emptyPicture;
  #drawn = 0;
  #isClosed = false;

  constructor(screen: Screen) {
    this.#screen = screen;
    this.#timer = setInterval(() => this.#draw(), tickMs);
  }

  show(progress: OperationProgress): void {
    this.#picture = addProgress(this.#picture, progress, performance.now());
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    clearInterval(this.#timer);
    this.#draw();
  }

  #draw(): void {
    const { rows = 24, columns = 80 } = process.stderr;
    const lines = drawRollout(this.#picture, performance.now(), this.#screen, rows - 2);
    const up = this.#drawn === 0 ? '' : `\u001B[${this.#drawn}A`;
    const text = lines.map((line) => `${clip(line, columns)}\u001B[K\n`).join('');
    process.stderr.write(`${up}\r${text}\u001B[J`);
    this.#drawn = lines.length;
  }
}

/** Colours have no width; what is too wide would break the count of lines. */
function clip(line: string, columns: number): string {
  let width = 0;
  let clipped = '';
  // biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences of colours begin with one
  for (const [part] of line.matchAll(/\u001B\[[0-9;]*m|./gu)) {
    if (part.startsWith('\u001B')) clipped += part;
    else if (width < columns - 1) {
      clipped += part;
      width += 1;
    }
  }
  return clipped;
}
