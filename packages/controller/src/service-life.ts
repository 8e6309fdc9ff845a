import { type Config, LameduckError } from '@lameduck/core';
import type { Logger } from 'pino';
import { within } from './deadline.ts';
import type { EdgeSet } from './edge-set.ts';
import type { HealthMonitor } from './health-monitor.ts';
import type { Isolation } from './isolation.ts';
import type { NodeRecord } from './node-record.ts';
import type { Operations } from './operations.ts';
import type { ServicePause } from './pause.ts';
import type { Clock } from './ports/clock.ts';
import type { ProcessIdentity } from './ports/node-runner.ts';
import type { Revival } from './revival.ts';
import type { ServiceStore } from './store/service-store.ts';
import { findInterrupted, type Interrupted, settleInterrupted } from './take-over.ts';
import type { Unsettled } from './unsettled.ts';
import type { ServiceWeights } from './weights.ts';

export interface ServiceLife {
  readonly config: Config;
  readonly records: readonly NodeRecord[];
  readonly edges: EdgeSet;
  readonly monitor: HealthMonitor;
  readonly isolation: Isolation;
  readonly revival: Revival;
  readonly operations: Operations;
  readonly pause: ServicePause;
  readonly weights: ServiceWeights;
  readonly store: ServiceStore;
  readonly unsettled: Unsettled;
  /** Whether nodes and edges start and end with the controller; else it only joins what runs (`join-service.ts`). */
  readonly isOwner: boolean;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Brings the service up: nodes first, each healthy, then the edges. What already runs (the controller before us
 * died) is adopted, edges at once, so that nobody is without care while others start, and operations in which it died
 * are settled; in a service that was adopted a node that does not start is left out, in a fresh one it ends the start
 * and nothing stays behind. Gives whether it was adopted, and tells it before, as that may fail.
 */
export async function startService(
  life: ServiceLife,
  signal: AbortSignal,
  onAdopting: () => void,
): Promise<boolean> {
  const { records } = life;
  await Promise.all(records.map(findProcess));
  const interrupted = await findInterrupted(life);
  const isAdopted = interrupted.length > 0 || records.some((record) => record.process !== undefined);
  if (!isAdopted) await startAfresh(life, signal);
  else {
    onAdopting();
    await adoptService(life, interrupted, signal);
  }
  return isAdopted;
}

async function adoptService(
  life: ServiceLife,
  interrupted: readonly Interrupted[],
  signal: AbortSignal,
): Promise<void> {
  await applyWishes(life);
  await openEdges(life, true, signal);
  await life.pause.takeOver(true);
  await life.weights.takeOver();
  const resumed = await settleInterrupted(life, interrupted, signal);
  const others = life.records.filter((record) => !resumed.has(record));
  await Promise.all([...resumed.values(), ...others.map((record) => adoptNode(life, record, signal))]);
}

/** A node that does not serve stays out until its checks have risen, or is stopped where no process is left. */
async function adoptNode(life: ServiceLife, record: NodeRecord, signal: AbortSignal): Promise<void> {
  try {
    await startNode(life, record, true, signal);
  } catch (thrown) {
    const { code, message } = LameduckError.from(thrown);
    life.logger.error({ node: record.config.name, code, reason: message }, 'node not started');
    record.reason = message;
    forgetReasons(record);
    record.out.add(record.process === undefined ? 'stopped' : 'health');
    if (record.process === undefined) life.revival.retry(record);
  }
}

async function startAfresh(life: ServiceLife, signal: AbortSignal): Promise<void> {
  // before anything runs, so that a mistake costs nobody a start
  await life.edges.rehearse();
  signal.throwIfAborted();
  try {
    const outcomes = await Promise.allSettled(
      life.records.map((record) => startNode(life, record, false, signal)),
    );
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
    await openEdges(life, false, signal);
    await life.pause.takeOver(false);
    await life.weights.takeOver();
    await forgetWishes(life);
  } catch (error) {
    await within(life.clock, life.config.shutdown.timeoutGracefulShutdownMs, [], (deadline) =>
      stopService(life, deadline),
    );
    throw error;
  }
}

/** Looks for the node's process; a node without one is out of rotation. */
export async function findProcess(record: NodeRecord): Promise<void> {
  record.process = await record.runner.find();
  if (record.process === undefined) record.out.add('stopped');
}

/**
 * Only after a crash: an orderly stop has left every node wished ready. A process that was being stopped may not
 * serve any more, however well it looks.
 */
export async function applyWishes(life: ServiceLife): Promise<void> {
  const wishes = await life.store.wishes();
  for (const record of life.records) {
    const wish = wishes.get(record.config.name);
    if (wish !== undefined && wish !== 'ready') record.out.add('operator');
    if (wish === 'stopped') record.out.add('stopped');
    if (wish !== undefined && wish !== 'ready') record.takenOut = await findTaker(life, record.config.name);
  }
}

/** Who drained or stopped the node, as far as the history goes back; it is told, and nothing depends on it. */
async function findTaker({ store }: ServiceLife, node: string): Promise<NodeRecord['takenOut']> {
  const entries = await store.findHistory({ limit: 20, node }).catch(() => []);
  const taken = entries.find(
    ({ operation, report }) =>
      (operation === 'drain' || operation === 'stop') &&
      report !== undefined &&
      report.result !== 'refused' &&
      report.result !== 'failed',
  );
  if (taken?.report === undefined) return undefined;
  return { atMs: Date.parse(taken.beganAt) + taken.report.ms, by: taken.by };
}

/**
 * Opens all edges with those nodes out that have a reason to be. One that is down, or does not answer, is tried again: it
 * keeps neither the others nor nodes that serve already from being cared for. Rejects where nothing would serve at all.
 */
export async function openEdges(
  { records, edges, logger }: ServiceLife,
  isServing: boolean,
  signal: AbortSignal,
): Promise<void> {
  const out = records.filter((record) => record.out.size > 0).map((record) => record.config.name);
  const problems = await edges.open(out, signal);
  if (!isServing && problems.length === edges.edges.length) throw problems[0];
  for (const { code, message, details } of problems) {
    logger.error({ edge: details['edge'], code, reason: message }, 'edge not open: tried again until it is');
  }
}

async function startNode(
  life: ServiceLife,
  record: NodeRecord,
  hasOpenEdges: boolean,
  signal: AbortSignal,
): Promise<void> {
  if (record.out.has('stopped') && record.process !== undefined) await endProcess(life, record, signal);
  const wasRunning = record.process !== undefined;
  if (!wasRunning && record.out.has('operator')) return;
  record.process ??= await startProcess(life, record, signal);
  life.revival.follow(record, record.process);
  // a node that has served all the while needs no proof, but the guard must know of its health before anybody acts
  if (wasRunning) return life.monitor.known(record, signal);
  await awaitHealthy(life, record, signal);
  const isTaken = record.out.has('operator') || record.out.has('operation');
  if (hasOpenEdges && !isTaken) await life.edges.restore(record.config.name, () => {}, signal);
  forgetReasons(record);
}

/** But for those of an operation, which may have come while the node was started: what it has decided stays. */
function forgetReasons({ out }: NodeRecord): void {
  for (const reason of [...out]) if (reason !== 'operator' && reason !== 'operation') out.delete(reason);
}

async function startProcess(
  life: ServiceLife,
  record: NodeRecord,
  signal: AbortSignal,
): Promise<ProcessIdentity> {
  const { timeoutMs } = life.config.startup;
  return within(life.clock, timeoutMs, [signal], async (either, deadline) => {
    try {
      return await record.runner.start(either);
    } catch (error) {
      if (!deadline.aborted || signal.aborted) throw error;
      const { name } = record.config;
      const message = `Cannot start node "${name}": a process that serves within ${timeoutMs} ms (startup.timeout) is wanted`;
      throw new LameduckError('startFailed', message, { node: name }, error);
    }
  });
}

async function awaitHealthy(life: ServiceLife, record: NodeRecord, signal: AbortSignal): Promise<void> {
  const { timeoutMs } = life.config.startup;
  const { name: node, health } = record.config;
  const ended = new AbortController();
  await within(life.clock, timeoutMs, [signal, ended.signal], async (either, deadline) => {
    try {
      const died = record.process === undefined ? undefined : record.runner.died(record.process, either);
      const outcome = await Promise.race([life.monitor.risen(record, either), died]);
      if (typeof outcome !== 'string') return;
      const message = `Cannot start node "${node}": it ended before it was ready: ${outcome.trimEnd()}`;
      throw new LameduckError('startFailed', message, { node });
    } catch (error) {
      if (!deadline.aborted || signal.aborted) throw error;
      const last = record.health.last?.detail ?? 'no check has ended';
      const message = `Cannot start node "${node}": a healthy answer on ${health.path} within ${timeoutMs} ms is wanted: last check: ${last}`;
      throw new LameduckError('startFailed', message, { node });
    } finally {
      ended.abort();
    }
  });
}

/**
 * Edges first, so that nothing new arrives, with as long for requests under way as a node has; then all nodes at
 * once. What is left at its deadline, or when the signal aborts, is killed.
 */
export async function stopService(life: ServiceLife, signal: AbortSignal): Promise<void> {
  const { timeoutGracefulShutdownMs } = life.config.shutdown;
  await within(life.clock, timeoutGracefulShutdownMs, [signal], (deadline) => life.edges.close(deadline));
  await Promise.all(life.records.map((record) => endProcess(life, record, signal)));
  await forgetWishes(life);
}

/** A store that fails must not keep the service from being stopped. */
async function forgetWishes({ config, store, logger }: ServiceLife): Promise<void> {
  try {
    await store.forgetWishes(config.nodes.map(({ name }) => name));
  } catch (thrown) {
    logger.error({ reason: LameduckError.from(thrown).message }, 'wishes not forgotten');
  }
}

/** SIGTERM, then SIGKILL to what is left after grace and margin. */
async function endProcess(life: ServiceLife, record: NodeRecord, signal: AbortSignal): Promise<void> {
  // a pid file that cannot be read has been told at the start; it must not keep the rest from being stopped
  const process = record.process ?? (await record.runner.find().catch(() => undefined));
  if (process === undefined) return;
  const { timeoutGracefulShutdownMs, marginMs } = life.config.shutdown;
  try {
    await record.runner.terminate(process);
    await within(life.clock, timeoutGracefulShutdownMs + marginMs, [signal], (deadline) =>
      record.runner.exited(process, deadline),
    );
  } catch {
    const pids = await record.runner.kill(process);
    life.logger.warn({ node: record.config.name, pids }, 'node killed');
  }
  record.process = undefined;
}
