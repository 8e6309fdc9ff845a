// What events cost: the CPU of a controller of 500 nodes and 10 edges with 50 clients of GET /v1/events and of one without, at rest and while
// nodes change state; and how late a change of state arrives. Edges and processes are fakes, the checks are real.
// Both controllers run at the same time and do the same, so that what else the machine does meets both; half way they change places.
//   node e2e/measure/events.ts [--nodes 500] [--edges 10] [--clients 50] [--seconds 8] [--rounds 3] [--changes 10]
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { Agent, type IncomingMessage, request } from 'node:http';
import { loadavg } from 'node:os';
import { text } from 'node:stream/consumers';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { type ManySubject as Subject, startMany } from '../support/many-nodes.ts';

const { values } = parseArgs({
  options: {
    nodes: { type: 'string', default: '500' },
    edges: { type: 'string', default: '10' },
    clients: { type: 'string', default: '50' },
    seconds: { type: 'string', default: '8' },
    rounds: { type: 'string', default: '3' },
    changes: { type: 'string', default: '10' },
  },
});
const nodes = Number(values.nodes);
const seconds = Number(values.seconds);
const changesPerSecond = Number(values.changes);
/** 30 s after the last client has left nothing is made for events any more. */
const forgetMs = 32_000;
const agent = new Agent({ keepAlive: true, maxSockets: 40 });

interface Client {
  bytes: number;
  close(): void;
}

async function listen(
  { socketPath }: Subject,
  onEvent?: (event: string, data: string) => void,
): Promise<Client> {
  const asked = request({ socketPath, path: '/v1/events', agent: false }).end();
  const [response] = (await once(asked, 'response')) as [IncomingMessage];
  const client: Client = { bytes: 0, close: () => response.destroy() };
  let rest = '';
  response.on('error', () => {});
  response.on('data', (chunk: Buffer) => {
    client.bytes += chunk.length;
    if (onEvent === undefined) return;
    const parts = (rest + chunk.toString()).split('\n\n');
    rest = parts.pop() ?? '';
    for (const part of parts)
      onEvent(/^event: (.*)$/m.exec(part)?.[1] ?? '', /^data: (.*)$/m.exec(part)?.[1] ?? '{}');
  });
  return client;
}

function listenAll(subject: Subject, count: number): Promise<readonly Client[]> {
  return Promise.all(Array.from({ length: count }, () => listen(subject)));
}

async function post({ socketPath }: Subject, path: string): Promise<void> {
  const asked = request({ socketPath, method: 'POST', path, agent }).end();
  const [response] = (await once(asked, 'response')) as [IncomingMessage];
  await text(response);
}

/** Each is a node that is drained and, a little later, put back. */
async function changeNodes(subject: Subject, until: number): Promise<void> {
  const begun: Promise<void>[] = [];
  for (let turn = 0; Date.now() < until; turn += 1) {
    const node = `n${turn % nodes}`;
    begun.push(post(subject, `/v1/nodes/${node}/drain`).then(() => post(subject, `/v1/nodes/${node}/ready`)));
    await pause(2000 / changesPerSecond);
  }
  await Promise.all(begun);
}

/** What all its threads have used, in seconds; finer than the ticks of `stat`. */
function cpuSeconds({ child }: Subject): number {
  const tasks = `/proc/${child.pid}/task`;
  return readdirSync(tasks).reduce(
    (sum, task) => sum + Number(readFileSync(`${tasks}/${task}/schedstat`, 'utf8').split(' ')[0]) / 1e9,
    0,
  );
}

/** Share of a core that each has used in the same window. */
async function cpuOf(subjects: readonly Subject[], isChanging: boolean): Promise<readonly number[]> {
  const began = Date.now();
  const before = subjects.map(cpuSeconds);
  const until = began + seconds * 1000;
  if (isChanging) await Promise.all(subjects.map((subject) => changeNodes(subject, until)));
  else await pause(seconds * 1000);
  const used = subjects.map((subject, index) => cpuSeconds(subject) - (before[index] ?? 0));
  return used.map((share) => share / ((Date.now() - began) / 1000));
}

/** A machine that hangs is no result. */
async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  const late = AbortSignal.timeout(ms);
  const gone = once(late, 'abort').then(() => Promise.reject(new Error(`a round took more than ${ms} ms`)));
  return Promise.race([work, gone]);
}

interface Window {
  readonly isChanging: boolean;
  readonly without: number;
  readonly withThem: number;
  readonly load: number;
}

/** The rounds of one half: these clients listen to one of the two. */
async function measureHalf(listenedTo: Subject, other: Subject): Promise<readonly Window[]> {
  const clients = await listenAll(listenedTo, Number(values.clients));
  await pause(3000);
  const windows: Window[] = [];
  for (let round = 1; round <= Number(values.rounds); round += 1) {
    for (const isChanging of [false, true]) {
      const limitMs = seconds * 1000 + 20_000;
      const [withThem = 0, without = 0] = await within(limitMs, cpuOf([listenedTo, other], isChanging));
      windows.push({ isChanging, without, withThem, load: loadavg()[0] ?? 0 });
    }
  }
  kilobytes.push(clients.reduce((sum, { bytes }) => sum + bytes, 0) / clients.length / 1000);
  for (const client of clients) client.close();
  return windows;
}

function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((one, other) => one - other);
  const [low, high] = [sorted[(sorted.length - 1) >> 1], sorted[sorted.length >> 1]];
  return ((low ?? Number.NaN) + (high ?? Number.NaN)) / 2;
}

/** From the begin of an operation until the new state of its node has arrived. */
async function latencies(subject: Subject): Promise<readonly number[]> {
  const beganAt = new Map<string, number>();
  const late: number[] = [];
  const client = await listen(subject, (event, data) => {
    if (event === 'operation') {
      const { node, type, operation, at } = JSON.parse(data) as Record<string, string>;
      if (type === 'began' && operation === 'drain') beganAt.set(node ?? '', Date.parse(at ?? ''));
    } else if (event === 'node') {
      const { name, inRotation } = JSON.parse(data) as { name: string; inRotation: boolean };
      const began = beganAt.get(name);
      if (inRotation || began === undefined) return;
      beganAt.delete(name);
      late.push(Date.now() - began);
    }
  });
  await changeNodes(subject, Date.now() + seconds * 1000);
  client.close();
  return late.sort((one, other) => one - other);
}

const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;

function rowsOf(halves: readonly (readonly Window[])[]): readonly string[] {
  return halves.flatMap((windows, half) =>
    windows.map(({ isChanging, without, withThem, load }) => {
      const what = isChanging ? `${changesPerSecond} changes of state/s` : 'at rest';
      const cells = [what, half === 0 ? 'first' : 'second', percent(without), percent(withThem)];
      return `| ${[...cells, percent(withThem / without - 1), load.toFixed(1)].join(' | ')} |`;
    }),
  );
}

/** A window of one half with that of the other: what one process needs more than the other by itself cancels out. */
function moreOf([first = [], second = []]: readonly (readonly Window[])[], isChanging: boolean): number {
  const ratios = first.flatMap((window, index) => {
    const other = second[index];
    if (window.isChanging !== isChanging || other === undefined) return [];
    return [Math.sqrt((window.withThem / window.without) * (other.withThem / other.without))];
  });
  return median(ratios) - 1;
}

const kilobytes: number[] = [];
const size = { nodes, edges: Number(values.edges) };
const many = await startMany();
const subjects = [await many.controller('one', size), await many.controller('other', size)] as const;
try {
  const [one, other] = subjects;
  await pause(10_000);
  const first = await measureHalf(one, other);
  await pause(forgetMs);
  const second = await measureHalf(other, one);
  const halves = [first, second];
  const clients = await listenAll(other, Number(values.clients) - 1);
  const late = await within(seconds * 1000 + 20_000, latencies(other));
  for (const client of clients) client.close();
  const share = (part: number): number => late[Math.ceil(late.length * part) - 1] ?? Number.NaN;
  const perSecond = median(kilobytes) / (3 + Number(values.rounds) * 2 * seconds);
  const lines = [
    `${nodes} nodes, ${values.edges} edges, ${values.clients} clients (each gets ${Math.round(perSecond)} kB/s), windows of ${seconds} s`,
    '',
    '| | clients at the | CPU of one core, without clients | with them | more | load |',
    '|---|---|---|---|---|---|',
    ...rowsOf(halves),
    '',
    `more in the median of ${values.rounds} pairs of windows: ${percent(moreOf(halves, false))} at rest, ${percent(moreOf(halves, true))} while nodes change`,
    '',
    `a change of state arrives after ${share(0.5)} ms (median), ${share(0.95)} ms (p95), ${share(1)} ms (most), of ${late.length}`,
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
} finally {
  agent.destroy();
  await many.stop();
}
