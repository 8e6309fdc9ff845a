import { setTimeout as delay } from 'node:timers/promises';
import { isLiving, readArguments, readProcess } from '../../processes/identity.ts';
import type { GateReading } from './control-client.ts';
import { openMark } from './gate-count-lua.ts';
import { lookAtMaster, type Opened } from './opened.ts';
import type { ResolvedNode } from './resolve-nodes.ts';
import { createSocketCounter, type SocketCounter } from './sockets.ts';

/** A little more than the period of the workers' timers (gate-count-lua.ts). */
const tellMs = 150;
const lookMs = 10;

/** What the gate's counters say of one node. */
export interface CountedInFlight {
  /** Upper bound of the requests under way; `Infinity` where the counters cannot tell. */
  readonly count: number;
  /** Workers that left counters behind and are gone, with their requests. */
  readonly gone: readonly number[];
}

/** What a worker said of the requests that nginx placed by itself. */
interface Unplaced {
  readonly count: number;
  /** It may have placed more since, without a word. */
  readonly isOpen: boolean;
}

function readUnplaced(value: number): Unplaced {
  return { count: Math.max(0, value) % openMark, isOpen: value >= openMark };
}

/**
 * Requests known to be under way to the node, and those that nginx placed by itself before the node was gated: any
 * of them may be on it. Workers that are gone took theirs with them.
 */
export function countByGate(
  reading: GateReading,
  node: string,
  isWorker: (pid: number) => boolean,
): CountedInFlight {
  const tally = tallyGate(reading, isWorker);
  return { count: tally.count(node), gone: tally.gone };
}

interface Tally {
  readonly count: (node: string) => number;
  readonly gone: readonly number[];
  /** Each worker has told what it has under way since the last change. */
  readonly isTold: boolean;
}

/** The same for every node, from one pass over the counters. */
export function tallyGate({ state, counters }: GateReading, isWorker: (pid: number) => boolean): Tally {
  const living = new Map<number, boolean>();
  const known = new Map<string, number>();
  const unknown: (Unplaced & { readonly epoch: number })[] = [];
  for (const [key, value] of counters) {
    const found = /^([kuw]):(\d+)(?::(.+))?$/.exec(key);
    if (found === null) continue;
    const [, kind, text, what = ''] = found;
    const pid = Number(text);
    const isLiving = living.get(pid) ?? isWorker(pid);
    living.set(pid, isLiving);
    if (!isLiving) continue;
    if (kind === 'k') known.set(what, (known.get(what) ?? 0) + Math.max(0, value));
    else if (kind === 'u') unknown.push({ epoch: Number(what), ...readUnplaced(value) });
  }
  const isLossy = (counters.get('lossy') ?? 0) > 0;
  const count = (node: string): number => {
    if (isLossy) return Number.POSITIVE_INFINITY;
    const gatedAt = state.out.get(node) ?? Number.POSITIVE_INFINITY;
    const maybe = unknown.filter(({ epoch }) => epoch < gatedAt);
    // Who has not yet seen that the node is out may go on to send requests there.
    if (state.out.has(node) && maybe.some(({ isOpen }) => isOpen)) return Number.POSITIVE_INFINITY;
    return maybe.reduce((sum, one) => sum + one.count, known.get(node) ?? 0);
  };
  const gone = [...living].filter(([, isLiving]) => !isLiving).map(([pid]) => pid);
  return { count, gone, isTold: !unknown.some(({ epoch, isOpen }) => isOpen && epoch < state.epoch) };
}

/**
 * The requests under way by node, for charts: their sum is right. Which node has one that nginx placed itself is not
 * known before its answer begins; those are shared out evenly over the nodes in rotation.
 */
export function shareInFlight(
  reading: GateReading,
  nodes: readonly string[],
  isWorker: (pid: number) => boolean,
): ReadonlyMap<string, number> {
  const shares = new Map(nodes.map((node) => [node, 0]));
  const workers = new Map<string, boolean>();
  let unplaced = 0;
  for (const [key, value] of reading.counters) {
    const [kind, pid = '', what = ''] = key.split(':');
    if (value <= 0 || (kind !== 'k' && kind !== 'u')) continue;
    const isLiving = workers.get(pid) ?? isWorker(Number(pid));
    workers.set(pid, isLiving);
    if (!isLiving) continue;
    if (kind === 'u') unplaced += readUnplaced(value).count;
    else shares.set(what, (shares.get(what) ?? 0) + value);
  }
  if (unplaced === 0) return shares;
  const taking = nodes.filter((node) => !reading.state.out.has(node));
  for (const [place, node] of taking.entries()) {
    const share = Math.floor((unplaced + place) / taking.length);
    shares.set(node, (shares.get(node) ?? 0) + share);
  }
  return shares;
}

/** Sessions to one node, of workers that live; 0 where they are not counted apart. */
export async function countSessions(opened: Opened, node: string, signal: AbortSignal): Promise<number> {
  if (opened.plan.mode !== 'gate' || opened.spec.tellsSessions !== true) return 0;
  const { counters } = await opened.client.readGate(signal);
  const own = [...counters].filter(([key]) => key.startsWith('s:') && key.endsWith(`:${node}`));
  const living = own.filter(([key]) => isNginx(Number(key.split(':')[1])));
  return living.reduce((sum, [, count]) => sum + Math.max(0, count), 0);
}

/** Requests that wait for a node, of workers that live. */
export function countHeld({ counters }: GateReading): number {
  const held = [...counters].filter(([key]) => key.startsWith('h:') && isNginx(Number(key.slice(2))));
  return held.reduce((sum, [, count]) => sum + Math.max(0, count), 0);
}

/** What one look at an nginx has shown, for as many nodes as are asked for. */
interface Look {
  count(node: ResolvedNode): number;
}

/** What was made of a reading: many nodes are shown of one. */
const shown = new WeakMap<GateReading, Look>();

/** The same as of a moment ago, for what is only shown: no worker is waited for, and the edge is not asked for each node. */
export async function shownInFlight(opened: Opened, name: string, signal: AbortSignal): Promise<number> {
  const node = opened.spec.nodes.find((one) => one.name === name);
  if (node === undefined) return 0;
  const isCounting = opened.plan.mode === 'gate' && opened.plan.isCounting;
  if (!isCounting) return inFlight(opened, name);
  const reading = await opened.client.recentGate(signal);
  return (shown.get(reading) ?? lookAt(opened, reading)).count(node);
}

function lookAt(opened: Opened, reading: GateReading): Look {
  const { count, gone } = tallyGate(reading, isNginx);
  const look = createLook(opened, count);
  shown.set(reading, look);
  void forgetGone(opened, gone);
  return look;
}

/** Looks that are about to be taken; who asks within the same turn of the loop shares one. */
const coming = new WeakMap<Opened, Promise<Look>>();

/** The smaller of two upper bounds: what the gate counted, and the connections that nginx has to the node. */
export async function inFlight(opened: Opened, name: string): Promise<number> {
  const node = opened.spec.nodes.find((one) => one.name === name);
  if (node === undefined) return 0;
  return (await nextLook(opened)).count(node);
}

/** One that begins after it was asked for: what was seen before says nothing of a node that has been taken out since. */
function nextLook(opened: Opened): Promise<Look> {
  const shared = coming.get(opened);
  if (shared !== undefined) return shared;
  const look = new Promise<void>((resolve) => setImmediate(resolve)).then(() => {
    coming.delete(opened);
    return takeLook(opened);
  });
  coming.set(opened, look);
  return look;
}

async function takeLook(opened: Opened): Promise<Look> {
  const isCounting =
    lookAtMaster(opened) !== undefined && opened.plan.mode === 'gate' && opened.plan.isCounting;
  const counted = isCounting ? await readCounters(opened) : () => Number.POSITIVE_INFINITY;
  return createLook(opened, counted);
}

/** Of the processes and the kernel's tables nothing is read before the counters leave something open. */
function createLook(opened: Opened, counted: (node: string) => number): Look {
  let pids: readonly number[] | undefined;
  let sockets: SocketCounter | undefined;
  return {
    count({ name, address }) {
      const known = counted(name);
      if (known === 0) return 0;
      pids ??= nginxPids(opened);
      sockets ??= createSocketCounter(pids);
      const least = Math.min(known, sockets(address) ?? Number.POSITIVE_INFINITY);
      if (Number.isFinite(least)) return least;
      // A unix socket without counters shows nothing: only an nginx that is gone has surely nothing under way.
      return pids.length === 0 ? 0 : 1;
    },
  };
}

async function readCounters(opened: Opened): Promise<(node: string) => number> {
  const tally = await readTold(opened);
  await forgetGone(opened, tally.gone);
  return tally.count;
}

async function forgetGone({ client }: Opened, gone: readonly number[]): Promise<void> {
  if (gone.length > 0) await client.forget(gone, new AbortController().signal).catch(() => undefined);
}

/** After a change each worker tells what it has under way, at the latest when its timer comes; before, no number is known. */
async function readTold(opened: Opened): Promise<Tally> {
  for (const until = performance.now() + tellMs; ; ) {
    // bounded by the client itself: who asked first must not end it for the others
    const reading = await opened.client.readGate(new AbortController().signal);
    const tally = tallyGate(reading, isNginx);
    if (tally.isTold || performance.now() >= until) return tally;
    await delay(lookMs);
  }
}

/** Whether the process is one of nginx, whoever's. */
export function isNginx(pid: number): boolean {
  const found = readProcess(pid);
  return found !== undefined && isLiving(found) && (readArguments(pid)[0] ?? '').startsWith('nginx: ');
}

/** Workers whose master is gone live on as orphans: remembered ones count too. */
export function nginxPids(opened: Opened): number[] {
  const remembered = [...opened.workers, ...opened.ungated].map(({ pid }) => pid);

  return [...new Set(remembered)].filter(isNginx);
}
