import type { Logger } from 'pino';
import type { NodeRecord } from './node-record.ts';
import type { Clock } from './ports/clock.ts';
import type { ProcessIdentity } from './ports/node-runner.ts';

/** Back-off between starts of a node that keeps dying: 1 s × 1.5ⁿ, at most 30 s, as for a crashed worker. */
const firstDelayMs = 1000;
const delayFactor = 1.5;
const longestDelayMs = 30_000;
/** A node that has lived this long was well: the next death counts as the first again. */
const wellAfterMs = 60_000;

export interface Revival {
  /** Follows the node's process; to be called whenever a new one is known. */
  follow(record: NodeRecord, process: ProcessIdentity): void;
}

/** Starts a node again whose main process has ended although nobody asked for it, until it serves. */
export function createRevival(
  clock: Clock,
  logger: Logger,
  start: (record: NodeRecord) => Promise<void>,
  onDeath: (record: NodeRecord) => void,
  signal: AbortSignal,
): Revival {
  const attempts = new Map<NodeRecord, number>();

  function follow(record: NodeRecord, process: ProcessIdentity): void {
    const followedAt = clock.now();
    record.runner
      .died(process, signal)
      .then((log) => died(record, process, clock.now() - followedAt, log))
      .catch(() => {});
  }

  function died(record: NodeRecord, process: ProcessIdentity, livedMs: number, log: string): void {
    // an operation that stops the node has taken the process already, or will see it end by itself
    if (record.process?.pid !== process.pid || record.operation !== undefined || signal.aborted) return;
    record.process = undefined;
    record.health = { ...record.health, verdict: 'down' };
    record.reason = 'its main process ended and nobody had asked for it';
    logger.error({ node: record.config.name, pid: process.pid, log }, 'node died');
    onDeath(record);
    if (livedMs > wellAfterMs) attempts.delete(record);
    scheduleStart(record);
  }

  function scheduleStart(record: NodeRecord): void {
    const count = attempts.get(record) ?? 0;
    attempts.set(record, count + 1);
    const delayMs = Math.min(longestDelayMs, firstDelayMs * delayFactor ** count);
    logger.info({ node: record.config.name, delayMs }, 'node will be started again');
    const cancel = clock.schedule(delayMs, () => void revive(record));
    signal.addEventListener('abort', cancel, { once: true });
  }

  /** An operator who acted meanwhile has taken over. */
  async function revive(record: NodeRecord): Promise<void> {
    if (isTakenOver(record)) return;
    await start(record);
    if (record.process === undefined && !isTakenOver(record)) scheduleStart(record);
  }

  function isTakenOver(record: NodeRecord): boolean {
    return record.process !== undefined || record.operation !== undefined || signal.aborted;
  }

  return { follow };
}
