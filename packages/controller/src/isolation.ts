import { LameduckError, mayIsolate } from '@lameduck/core';
import type { Logger } from 'pino';
import type { EdgeSet } from './edge-set.ts';
import { availability, type NodeRecord } from './node-record.ts';

/**
 * Takes failing nodes out of rotation and brings them back when their health has risen. A node that an operation
 * holds is left to the operation, and the last node in rotation is never taken out: it may be the checks that
 * are wrong, and a failing answer is no worse than none.
 */
export class Isolation {
  readonly #records: readonly NodeRecord[];
  readonly #edges: EdgeSet;
  readonly #logger: Logger;
  readonly #signal: AbortSignal;
  readonly #underWay = new Map<NodeRecord, Promise<void>>();

  constructor(records: readonly NodeRecord[], edges: EdgeSet, logger: Logger, signal: AbortSignal) {
    this.#records = records;
    this.#edges = edges;
    this.#logger = logger;
    this.#signal = signal;
  }

  /** Looks at every node again; called whenever health, an operation or a process has changed. */
  readonly review = (): void => {
    if (this.#signal.aborted) return;
    for (const record of this.#records) {
      const change = this.#wanted(record);
      if (change === undefined) continue;
      const work = change === 'isolate' ? this.#isolate(record) : this.#bringBack(record);
      // after a failure nothing is reviewed at once: the next check does it, so a broken edge is not hammered
      const settled = work
        .catch((error: unknown) => this.#fail(record, change, error))
        .finally(() => this.#underWay.delete(record));
      this.#underWay.set(record, settled);
    }
  };

  /** Resolves when no change is under way. */
  async settled(): Promise<void> {
    await Promise.all(this.#underWay.values());
  }

  #wanted(record: NodeRecord): 'isolate' | 'return' | undefined {
    if (record.operation !== undefined || this.#underWay.has(record)) return undefined;
    const { verdict } = record.health;
    if (record.out.size === 0 && verdict === 'down') {
      return mayIsolate(this.#records.map(availability), record.config.name) ? 'isolate' : undefined;
    }
    return record.out.has('health') && verdict === 'up' && record.process !== undefined
      ? 'return'
      : undefined;
  }

  async #isolate(record: NodeRecord): Promise<void> {
    const node = record.config.name;
    record.out.add('health');
    const reason = record.reason ?? record.health.last?.detail;
    this.#logger.warn({ node, reason }, 'node isolated');
    await this.#edges.remove(node, () => {}, this.#signal);
  }

  async #bringBack(record: NodeRecord): Promise<void> {
    const node = record.config.name;
    // an operator's drain outlives the health that came back
    if (record.out.size === 1) await this.#edges.restore(node, () => {}, this.#signal);
    record.out.delete('health');
    record.reason = undefined;
    this.#logger.info({ node }, 'node back in rotation');
  }

  #fail(record: NodeRecord, change: 'isolate' | 'return', error: unknown): void {
    if (change === 'isolate') record.out.delete('health');
    const { code, message } = LameduckError.from(error);
    if (this.#signal.aborted) return;
    this.#logger.error({ node: record.config.name, change, code, reason: message }, 'isolation failed');
  }
}
