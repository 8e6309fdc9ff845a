import { isLiving, readArguments, readProcess } from '../../processes/identity.ts';
import type { GateReading } from './control-client.ts';
import { lookAtMaster, type Opened } from './opened.ts';
import { countSockets } from './sockets.ts';

/** What the gate's counters say of one node. */
export interface CountedInFlight {
  /** Upper bound of the requests under way; `Infinity` where the counters cannot tell. */
  readonly count: number;
  /** Workers that left counters behind and are gone, with their requests. */
  readonly gone: readonly number[];
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
  const gatedAt = reading.state.out.get(node) ?? Number.POSITIVE_INFINITY;
  const gone = new Set<number>();
  let count = 0;
  for (const [key, value] of reading.counters) {
    const found = /^([kuw]):(\d+)(?::(.+))?$/.exec(key);
    if (found === null) continue;
    const [, kind, pid, what] = found;
    if (!isWorker(Number(pid))) gone.add(Number(pid));
    else if (kind === 'k' ? what === node : kind === 'u' && Number(what) < gatedAt)
      count += Math.max(0, value);
  }
  const isLossy = (reading.counters.get('lossy') ?? 0) > 0;
  return { count: isLossy ? Number.POSITIVE_INFINITY : count, gone: [...gone] };
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
    if (kind === 'u') unplaced += value;
    else shares.set(what, (shares.get(what) ?? 0) + value);
  }
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

/** The smaller of two upper bounds: what the gate counted, and the connections that nginx has to the node. */
export async function inFlight(opened: Opened, name: string, signal: AbortSignal): Promise<number> {
  const node = opened.spec.nodes.find((one) => one.name === name);
  if (node === undefined) return 0;
  const master = lookAtMaster(opened);
  const isCounting = opened.plan.mode === 'gate' && opened.plan.isCounting && master !== undefined;
  const counted = isCounting ? await readCounters(opened, name, signal) : Number.POSITIVE_INFINITY;
  if (counted === 0) return 0;
  const sockets = countSockets(nginxPids(opened), node.address) ?? Number.POSITIVE_INFINITY;
  const least = Math.min(counted, sockets);
  if (Number.isFinite(least)) return least;
  // A unix socket without counters shows nothing: only an nginx that is gone has surely nothing under way.
  return nginxPids(opened).length === 0 ? 0 : 1;
}

async function readCounters(opened: Opened, name: string, signal: AbortSignal): Promise<number> {
  const reading = await opened.client.readGate(signal);
  const { count, gone } = countByGate(reading, name, isNginx);
  if (gone.length > 0) await opened.client.forget(gone, signal).catch(() => undefined);
  return count;
}

/** Whether the process is one of nginx, whoever's. */
export function isNginx(pid: number): boolean {
  const found = readProcess(pid);
  return found !== undefined && isLiving(found) && (readArguments(pid)[0] ?? '').startsWith('nginx: ');
}

// Workers whose master is gone live on as orphans: remembered ones count too.
function nginxPids(opened: Opened): number[] {
  const remembered = [...opened.workers, ...opened.ungated].map(({ pid }) => pid);

  return [...new Set(remembered)].filter(isNginx);
}
