import { LameduckError } from '@lameduck/core';
import { type NodeRecord, noteState } from './node-record.ts';
import type { ServiceLife } from './service-life.ts';

/** How often a node that does not run is looked for. */
const lookMs = 1000;

/**
 * Watches for nodes that do not run and that somebody else may start. One that comes is put into rotation when its
 * checks have risen; one that an operator has taken out stays out until he says `ready`.
 */
export class Arrivals {
  readonly #life: ServiceLife;
  readonly #closing: AbortSignal;
  #cancel: () => void = () => undefined;
  /** Why a node could not be looked for, told once. */
  readonly #problems = new Map<NodeRecord, string>();

  constructor(life: ServiceLife, closing: AbortSignal) {
    this.#life = life;
    this.#closing = closing;
  }

  start(): void {
    this.#closing.addEventListener('abort', () => this.#cancel(), { once: true });
    this.#again();
  }

  readonly #again = (): void => {
    if (this.#closing.aborted) return;
    this.#cancel = this.#life.clock.schedule(lookMs, () => void this.#lookAtAll().finally(this.#again));
  };

  async #lookAtAll(): Promise<void> {
    await Promise.all(this.#life.records.filter(isAway).map((record) => this.#look(record)));
  }

  async #look(record: NodeRecord): Promise<void> {
    const { logger, revival, operations, clock } = this.#life;
    const node = record.config.name;
    const found = await record.runner.find().catch((thrown: unknown) => this.#tell(record, thrown));
    if (found === undefined) return;
    this.#problems.delete(record);
    const isWanted = await this.#isWanted(node);
    if (!isAway(record) || this.#closing.aborted) return;
    record.process = found;
    revival.follow(record, found);
    logger.info({ node, pid: found.pid }, 'node was started by somebody else');
    if (!isWanted) record.out.add('operator');
    if (record.out.has('operator') || record.out.has('health')) record.out.delete('stopped');
    if (record.out.size === 0 || record.out.has('stopped')) void operations.takeIn(record);
    noteState(record, clock.now());
  }

  /** Whether an operator had neither drained nor stopped it; where the store does not say, he had not. */
  async #isWanted(node: string): Promise<boolean> {
    const wishes = await this.#life.store.wishes().catch(() => undefined);
    return (wishes?.get(node) ?? 'ready') === 'ready';
  }

  #tell(record: NodeRecord, thrown: unknown): undefined {
    const reason = LameduckError.from(thrown).message;
    if (this.#problems.get(record) === reason) return;
    this.#problems.set(record, reason);
    this.#life.logger.error({ node: record.config.name, reason }, 'node not found');
  }
}

function isAway({ process, operation }: NodeRecord): boolean {
  return process === undefined && operation === undefined;
}
