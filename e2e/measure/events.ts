// What events cost: the CPU of a controller of 500 nodes and 10 edges with 50 clients of GET /v1/events and of one without, at rest and while
// nodes change state; and how late a change of state arrives. Processes are fakes, and so are edges unless they are to be real; the checks are real.
// Both controllers run at the same time and do the same, so that what else the machine does meets both; half way they change places. What
// counts is the difference of the two in the same window, by the clocks of their threads, in the median of many windows.
//   node e2e/measure/events.ts [--nodes 500] [--edges 10] [--clients 50] [--seconds 6] [--rounds 4] [--changes 10] [--real-edges]
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
    seconds: { type: 'string', default: '6' },
    rounds: { type: 'string', default: '4' },
    changes: { type: 'string', default: '10' },
    'real-edges': { type: 'boolean', default: false },
  },
});
const nodes = Number(values.nodes);
const seconds = Number(values.seconds);
const changesPerSecond = Number(values.changes);
/** 30 s after the last client has left nothing is made for events any more. */
const forgetMs = 32_000;
// the controller closes connections that are idle for five seconds, which a request may meet
const agent = new Agent({ keepAlive: false, maxSockets: 40 });

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
async function changeNodes(subject: Subject, until: number, perSecond = changesPerSecond): Promise<void> {
  const begun: Promise<void>[] = [];
  for (let turn = 0; Date.now() < until; turn += 1) {
    const node = `n${turn % nodes}`;
    begun.push(post(subject, `/v1/nodes/${node}/drain`).then(() => post(subject, `/v1/nodes/${node}/ready`)));
    await pause(2000 / perSecond);
  }
  await Promise.all(begun);
}

/** Seconds of CPU that each thread has used, by its id; finer than the ticks of `stat`. */
function threadsOf({
  child,
}: Subject): ReadonlyMap<string, { readonly isCheckThread: boolean; used: number }> {
  const tasks = `/proc/${child.pid}/task`;
  const read = (task: string): { isCheckThread: boolean; used: number } => ({
    isCheckThread: readFileSync(`${tasks}/${task}/comm`, 'utf8').startsWith('WorkerThread'),
    used: Number(readFileSync(`${tasks}/${task}/schedstat`, 'utf8').split(' ')[0]) / 1e9,
  });
  return new Map(readdirSync(tasks).map((task) => [task, read(task)]));
}

/** Shares of a core in one window. */
interface Cpu {
  readonly all: number;
  /** Without the thread that checks the nodes, which has nothing to do with events and is most of the noise. */
  readonly others: number;
}

/** What each has used in the same window. */
async function cpuOf(subjects: readonly Subject[], isChanging: boolean): Promise<readonly Cpu[]> {
  const began = performance.now();
  const before = subjects.map(threadsOf);
  const until = Date.now() + seconds * 1000;
  if (isChanging) await Promise.all(subjects.map((subject) => changeNodes(subject, until)));
  else await pause(seconds * 1000);
  const after = subjects.map(threadsOf);
  const took = (performance.now() - began) / 1000;
  return after.map((threads, index) => {
    const used = [...threads].map(([task, { isCheckThread, used }]) => ({
      isCheckThread,
      share: (used - (before[index]?.get(task)?.used ?? 0)) / took,
    }));
    const sum = (those: typeof used): number => those.reduce((total, { share }) => total + share, 0);
    return { all: sum(used), others: sum(used.filter(({ isCheckThread }) => !isCheckThread)) };
  });
}

/** A machine that hangs is no result. */
async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  const late = AbortSignal.timeout(ms);
  const gone = once(late, 'abort').then(() => Promise.reject(new Error(`a round took more than ${ms} ms`)));
  return Promise.race([work, gone]);
}

interface Window {
  readonly isChanging: boolean;
  readonly without: Cpu;
  readonly withThem: Cpu;
  readonly load: number;
}

/** The rounds of one half: the clients listen to one of the two. */
async function measureHalf(listenedTo: Subject, other: Subject): Promise<readonly Window[]> {
  const clients = await listenAll(listenedTo, Number(values.clients));
  await forget([listenedTo, other]);
  await pause(2000);
  const bytesBefore = clients.reduce((sum, { bytes }) => sum + bytes, 0);
  const began = performance.now();
  const windows: Window[] = [];
  for (let round = 1; round <= Number(values.rounds); round += 1) {
    for (const isChanging of [false, true]) {
      const limitMs = seconds * 1000 + 20_000;
      const [withThem, without] = await within(limitMs, cpuOf([listenedTo, other], isChanging));
      if (withThem !== undefined && without !== undefined)
        windows.push({ isChanging, without, withThem, load: loadavg()[0] ?? 0 });
    }
  }
  const took = (performance.now() - began) / 1000;
  const bytes = clients.reduce((sum, client) => sum + client.bytes, 0) - bytesBefore;
  kilobytes.push(bytes / clients.length / 1000 / took);
  for (const client of clients) client.close();
  return windows;
}

/**
 * Until the one that is not listened to makes no events any more. Both work meanwhile, and more than later: what is rarely run is
 * compiled late, and to compile costs more than anything that is measured here.
 */
async function forget(subjects: readonly Subject[]): Promise<void> {
  const until = Date.now() + forgetMs;
  await Promise.all(subjects.map((subject) => changeNodes(subject, until, 2 * changesPerSecond)));
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

const percent = (share: number, digits = 1): string => `${(share * 100).toFixed(digits)} %`;

interface Told {
  readonly without: number;
  readonly more: number;
  readonly quartiles: readonly [number, number];
}

/**
 * The median of the differences of the same windows, and the mean of both halves: what one process needs more than the other
 * by itself counts once for and once against. The quartiles are of single windows.
 */
function compare(halves: readonly (readonly Window[])[], isChanging: boolean, part: keyof Cpu): Told {
  const wanted = halves.map((windows) => windows.filter((window) => window.isChanging === isChanging));
  const without = median(wanted.flat().map((window) => window.without.all));
  const differences = wanted.map((windows) => windows.map((one) => one.withThem[part] - one.without[part]));
  const middles = differences.map(median);
  const more = middles.reduce((sum, one) => sum + one, 0) / middles.length;
  // around the middle of its half, which has the difference of the processes in it
  const around = differences.flatMap((half, index) => half.map((one) => one - (middles[index] ?? 0) + more));
  around.sort((one, other) => one - other);
  const at = (share: number): number => around[Math.round((around.length - 1) * share)] ?? Number.NaN;
  return { without, more, quartiles: [at(0.25), at(0.75)] };
}

function rowOf(halves: readonly (readonly Window[])[], isChanging: boolean, part: keyof Cpu): string {
  const { without, more, quartiles } = compare(halves, isChanging, part);
  const what = isChanging ? `${changesPerSecond} changes of state/s` : 'at rest';
  const counted = part === 'all' ? 'all' : 'all but that of the checks';
  const spread = quartiles.map((one) => percent(one / without)).join(' to ');
  const cells = [what, counted, percent(without), percent(more, 2), percent(more / without), spread];
  return `| ${cells.join(' | ')} |`;
}

const kilobytes: number[] = [];
const hasRealEdges = values['real-edges'];
const size = { nodes, edges: Number(values.edges), hasRealEdges };
const many = await startMany();
const subjects = [await many.controller('one', size), await many.controller('other', size)] as const;
try {
  const [one, other] = subjects;
  const warming = await listenAll(other, 3);
  await changeNodes(other, Date.now() + 5000);
  for (const client of warming) client.close();
  const first = await measureHalf(one, other);
  const second = await measureHalf(other, one);
  const halves = [first, second];
  const clients = await listenAll(other, Number(values.clients) - 1);
  const late = await within(seconds * 1000 + 20_000, latencies(other));
  for (const client of clients) client.close();
  const share = (part: number): number => late[Math.ceil(late.length * part) - 1] ?? Number.NaN;
  const loads = halves.flat().map(({ load }) => load);
  const lines = [
    `${nodes} nodes, ${values.edges} edges${hasRealEdges ? ' (nginx)' : ''}, ${values.clients} clients (each gets ${Math.round(median(kilobytes))} kB/s); ${Number(values.rounds) * 2} windows of ${seconds} s each, load ${Math.min(...loads)} to ${Math.max(...loads)}`,
    '',
    '| | threads | CPU of one core, without clients | more with them | that is | half of the windows |',
    '|---|---|---|---|---|---|',
    ...[false, true].flatMap((isChanging) =>
      (['all', 'others'] as const).map((part) => rowOf(halves, isChanging, part)),
    ),
    '',
    `a change of state arrives after ${share(0.5)} ms (median), ${share(0.95)} ms (p95), ${share(1)} ms (most), of ${late.length}`,
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
} finally {
  agent.destroy();
  await many.stop();
}
