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

export interface RevivalParts {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly start: (record: NodeRecord) => Promise<void>;
  readonly onDeath: (record: NodeRecord) => void;
  /** Whether a node that died is started again by us, and not by whoever started it. */
  readonly isOwner: boolean;
  /** Aborts when the controller stops. */
  readonly closing: AbortSignal;
}

/**
 * Starts a node again whose main process has ended although nobody asked for it, until it serves. A node that goes on
 * under another main process (an upgrade of the master, USR2) is not dead.
 */
export class Revival {
  readonly #parts: RevivalParts;
  readonly #attempts = new Map<NodeRecord, number>();
  readonly #scheduled = new Set<NodeRecord>();
  /** Deaths that came during an operation, to be looked at when that has ended. */
  readonly #postponed = new Map<NodeRecord, () => void>();

  constructor(parts: RevivalParts) {
    this.#parts = parts;
  }

  /** Follows the node's process; to be called whenever a new one is known. */
  readonly follow = (record: NodeRecord, process: ProcessIdentity): void => {
    const { clock, closing } = this.#parts;
    const followedAt = clock.now();
    record.runner
      .died(process, closing)
      .then((log) => this.#ended(record, process, clock.now() - followedAt, log))
      .catch(() => {});
  };

  async #ended(record: NodeRecord, process: ProcessIdentity, livedMs: number, log: string): Promise<void> {
    const heir = await record.runner.find().catch(() => undefined);
    const { logger, closing } = this.#parts;
    if (record.process?.pid !== process.pid || closing.aborted) return;
    // an operation that stops the node will see it end by itself; any other one will not
    if (record.operation !== undefined) {
      this.#postponed.set(record, () => void this.#ended(record, process, livedMs, log));
      return;
    }
    if (heir === undefined || heir.pid === process.pid) return this.#died(record, process, livedMs, log);
    record.process = heir;
    logger.info({ node: record.config.name, from: process.pid, to: heir.pid }, 'node has a new main process');
    this.follow(record, heir);
  }

  #died(record: NodeRecord, process: ProcessIdentity, livedMs: number, log: string): void {
    record.process = undefined;
    record.health = { ...record.health, verdict: 'down' };
    record.reason = 'its main process ended and nobody had asked for it';
    this.#parts.logger.error({ node: record.config.name, pid: process.pid, log }, 'node died');
    this.#parts.onDeath(record);
    if (livedMs > wellAfterMs) this.#attempts.delete(record);
    if (this.#parts.isOwner) this.retry(record);
  }

  /** A node that shall run does not: it is started again, later each time. */
  readonly retry = (record: NodeRecord): void => {
    if (this.#scheduled.has(record)) return;
    const { clock, logger, closing } = this.#parts;
    const count = this.#attempts.get(record) ?? 0;
    this.#attempts.set(record, count + 1);
    const delayMs = Math.min(longestDelayMs, firstDelayMs * delayFactor ** count);
    logger.info({ node: record.config.name, delayMs }, 'node will be started again');
    this.#scheduled.add(record);
    const cancel = clock.schedule(delayMs, () => {
      closing.removeEventListener('abort', cancel);
      void this.#revive(record);
    });
    closing.addEventListener('abort', cancel, { once: true });
  };

  /** What is under way on the node, or came meanwhile, has taken over, and tells of its own failure. */
  async #revive(record: NodeRecord): Promise<void> {
    this.#scheduled.delete(record);
    if (this.#isTakenOver(record)) return;
    await this.#parts.start(record);
    if (record.process === undefined && !this.#isTakenOver(record)) this.retry(record);
  }

  /** By an operation, or by an operator who had taken the node out of rotation before. */
  #isTakenOver({ process, operation, out }: NodeRecord): boolean {
    const { closing } = this.#parts;
    return process !== undefined || operation !== undefined || out.has('operator') || closing.aborted;
  }

  /** An operation on the node has ended: a death that came meanwhile is looked at now. */
  readonly released = (record: NodeRecord): void => {
    const look = this.#postponed.get(record);
    this.#postponed.delete(record);
    look?.();
  };
}
