import { type Config, LameduckError } from '@lameduck/core';
import type { Logger } from 'pino';
import type { EdgeSet } from './edge-set.ts';
import type { HealthMonitor } from './health-monitor.ts';
import type { Isolation } from './isolation.ts';
import type { NodeRecord } from './node-record.ts';
import type { ProcessIdentity } from './ports/node-runner.ts';
import type { Store } from './ports/store.ts';
import type { Revival } from './revival.ts';

export interface ServiceLife {
  readonly config: Config;
  readonly records: readonly NodeRecord[];
  readonly edges: EdgeSet;
  readonly monitor: HealthMonitor;
  readonly isolation: Isolation;
  readonly revival: Revival;
  readonly store: Store;
  readonly logger: Logger;
}

/**
 * Brings the service up: nodes first, each healthy, then the edges. What already runs (the controller before us
 * died) is adopted, edges at once, so that nobody is without care while others start; in a service that was
 * adopted a node that does not start is left out, in a fresh one it ends the start and nothing stays behind.
 */
export async function startService(life: ServiceLife, signal: AbortSignal): Promise<void> {
  const { records } = life;
  await Promise.all(records.map(findProcess));
  const isAdopted = records.some((record) => record.process !== undefined);
  if (isAdopted) await applyWishes(life);
  try {
    if (isAdopted) await openEdges(life, signal);
    const outcomes = await Promise.allSettled(
      records.map((record) => startNode(life, record, isAdopted, signal)),
    );
    const failure = outcomes.find((outcome) => outcome.status === 'rejected');
    if (failure !== undefined && !isAdopted) throw failure.reason;
    for (const outcome of outcomes) if (outcome.status === 'rejected') warn(life, outcome.reason);
    if (!isAdopted) await openEdges(life, signal);
  } catch (error) {
    if (!isAdopted)
      await stopService(life, AbortSignal.timeout(life.config.shutdown.timeoutGracefulShutdownMs));
    throw error;
  }
}

async function findProcess(record: NodeRecord): Promise<void> {
  record.process = await record.runner.find();
  if (record.process === undefined) record.out.add('stopped');
}

/**
 * Only after a crash: an orderly stop has left every node wished ready. A process that was being stopped may not
 * serve any more, however well it looks.
 */
async function applyWishes(life: ServiceLife): Promise<void> {
  const wishes = await life.store.wishes();
  for (const record of life.records) {
    const wish = wishes.get(record.config.name);
    if (wish === 'drained' && record.process !== undefined) record.out.add('operator');
    if (wish === 'stopped' || wish === 'leaving') record.out.add('stopped');
    if (wish === 'stopped') record.out.add('operator');
  }
}

function openEdges(life: ServiceLife, signal: AbortSignal): Promise<unknown> {
  const out = life.records.filter((record) => record.out.size > 0).map((record) => record.config.name);
  return Promise.all(life.edges.edges.map((edge) => edge.open(out, signal)));
}

async function startNode(
  life: ServiceLife,
  record: NodeRecord,
  hasOpenEdges: boolean,
  signal: AbortSignal,
): Promise<void> {
  if (record.out.has('stopped') && record.process !== undefined) await endProcess(life, record, signal);
  if (record.out.has('operator')) return;
  const wasRunning = record.process !== undefined;
  record.process ??= await startProcess(life, record, signal);
  life.revival.follow(record, record.process);
  // a node that has served all the while needs no proof, but the guard must know of its health before anybody acts
  if (wasRunning) return life.monitor.known(record, signal);
  await awaitHealthy(life, record, signal);
  if (hasOpenEdges) await life.edges.restore(record.config.name, () => {}, signal);
  record.out.clear();
}

async function startProcess(
  life: ServiceLife,
  record: NodeRecord,
  signal: AbortSignal,
): Promise<ProcessIdentity> {
  const { timeoutMs } = life.config.startup;
  const deadline = AbortSignal.timeout(timeoutMs);
  try {
    return await record.runner.start(AbortSignal.any([signal, deadline]));
  } catch (error) {
    if (!deadline.aborted || signal.aborted) throw error;
    const { name } = record.config;
    const message = `Cannot start node "${name}": a process that serves within ${timeoutMs} ms (startup.timeout) is wanted`;
    throw new LameduckError('startFailed', message, { node: name }, error);
  }
}

async function awaitHealthy(life: ServiceLife, record: NodeRecord, signal: AbortSignal): Promise<void> {
  const ended = new AbortController();
  const deadline = AbortSignal.timeout(life.config.startup.timeoutMs);
  const either = AbortSignal.any([signal, ended.signal, deadline]);
  const node = record.config.name;
  try {
    const died = record.process === undefined ? undefined : record.runner.died(record.process, either);
    const outcome = await Promise.race([life.monitor.risen(record, either), died]);
    if (typeof outcome !== 'string') return;
    throw new LameduckError(
      'startFailed',
      `Cannot start node "${node}": it ended before it was ready: ${outcome.trimEnd()}`,
      {
        node,
      },
    );
  } catch (error) {
    if (!deadline.aborted || signal.aborted) throw error;
    const last = record.health.last?.detail ?? 'no check has ended';
    throw new LameduckError(
      'startFailed',
      `Cannot start node "${node}": a healthy answer on ${record.config.health.path} within ${life.config.startup.timeoutMs} ms is wanted: last check: ${last}`,
      { node },
    );
  } finally {
    ended.abort();
  }
}

function warn(life: ServiceLife, thrown: unknown): void {
  const { code, message } = LameduckError.from(thrown);
  life.logger.error({ code, reason: message }, 'node not started');
}

/**
 * Edges first, so that nothing new arrives, with as long for requests under way as a node has; then all nodes at
 * once. What is left at its deadline, or when the signal aborts, is killed.
 */
export async function stopService(life: ServiceLife, signal: AbortSignal): Promise<void> {
  const { timeoutGracefulShutdownMs } = life.config.shutdown;
  const edgeDeadline = AbortSignal.any([signal, AbortSignal.timeout(timeoutGracefulShutdownMs)]);
  await Promise.allSettled(life.edges.edges.map((edge) => edge.close(edgeDeadline)));
  await Promise.all(life.records.map((record) => endProcess(life, record, signal)));
  await Promise.all(life.config.nodes.map((node) => life.store.setWish(node.name, 'ready')));
}

/** SIGTERM, then SIGKILL to what is left after grace and margin. */
async function endProcess(life: ServiceLife, record: NodeRecord, signal: AbortSignal): Promise<void> {
  // a pid file that cannot be read has been told at the start; it must not keep the rest from being stopped
  const process = record.process ?? (await record.runner.find().catch(() => undefined));
  if (process === undefined) return;
  const { timeoutGracefulShutdownMs, marginMs } = life.config.shutdown;
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(timeoutGracefulShutdownMs + marginMs)]);
  try {
    await record.runner.terminate(process);
    await record.runner.exited(process, deadline);
  } catch {
    const pids = await record.runner.kill(process);
    life.logger.warn({ node: record.config.name, pids }, 'node killed');
  }
  record.process = undefined;
}
