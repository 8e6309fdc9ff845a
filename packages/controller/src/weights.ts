import { LameduckError, type WeightReport } from '@lameduck/core';
import type { Logger } from 'pino';
import { within } from './deadline.ts';
import type { EdgeSet } from './edge-set.ts';
import type { NodeRecord } from './node-record.ts';
import type { Clock } from './ports/clock.ts';
import type { Edge, EdgeStatus } from './ports/edge.ts';
import type { Store } from './ports/store.ts';
import { type NotedWeight, noteWeights, readWeights } from './store/weight-note.ts';

/** Most time that one edge may take; in reload mode it tests and reloads nginx. */
const edgeTimeoutMs = 30_000;

export interface WeightParts {
  readonly records: readonly NodeRecord[];
  readonly edges: EdgeSet;
  readonly store: Store;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Aborts when the controller stops. */
  readonly closing: AbortSignal;
}

/**
 * Weights that operators set at run time. They are noted in the store before any edge is told, so that the next controller
 * has them, too; a weight is over when the configured one that it was set in place of has been changed.
 */
export class ServiceWeights {
  readonly #parts: WeightParts;
  /** Edges that are being brought to what is wanted, and why one could not be, told once. */
  readonly #reviewed = new Set<Edge>();
  readonly #problems = new Map<Edge, string>();
  #isKnown = false;
  #tail: Promise<unknown> = Promise.resolve();

  constructor(parts: WeightParts) {
    this.#parts = parts;
  }

  /**
   * Resolves when every edge that runs picks by it; one that is down follows when it is back. Without a weight it is the configured
   * one again. Where an edge fails, all weights are as before and it rejects.
   */
  set(record: NodeRecord, weight: number = record.config.weight, by?: string): Promise<WeightReport> {
    return this.#inTurn(() => this.#set(record, weight, by));
  }

  /** The edges have opened: they get what the controller before us had noted. */
  async takeOver(): Promise<void> {
    const { store, records, edges, logger } = this.#parts;
    try {
      const noted = await readWeights(store);
      for (const record of records) {
        const { configured, weight } = noted.get(record.config.name) ?? {};
        if (configured === record.config.weight && weight !== undefined) record.weight = weight;
      }
      this.#isKnown = true;
    } catch (thrown) {
      // the edges are as they were left
      logger.error({ reason: LameduckError.from(thrown).message }, 'weights not taken over');
    }
    if (this.#wanted().size === 0) return;
    await this.#inTurn(() => Promise.all(edges.edges.map((edge) => this.#bring(edge))));
  }

  /** An edge was seen: one that was down meanwhile, or was left with other weights, gets what is wanted. */
  review(edge: Edge, status: EdgeStatus): void {
    if (!this.#isKnown || this.#reviewed.has(edge) || this.#isAsWanted(status)) return;
    this.#reviewed.add(edge);
    void this.#inTurn(() => this.#bring(edge)).finally(() => this.#reviewed.delete(edge));
  }

  /** Resolves when no edge is being changed. */
  async settled(): Promise<void> {
    await this.#tail;
  }

  async #set(record: NodeRecord, weight: number, by: string | undefined): Promise<WeightReport> {
    const { logger } = this.#parts;
    const { name: node, weight: configured } = record.config;
    const former = record.weight;
    record.weight = weight;
    try {
      await this.#note();
    } catch (thrown) {
      record.weight = former;
      throw thrown;
    }
    this.#isKnown = true;
    const failures = await this.#weighAll();
    const failed = failures.find(({ problem }) => problem.code !== 'notRunning');
    if (failed !== undefined) {
      await this.#goBack(record, former);
      throw failed.problem;
    }
    logger.warn({ node, weight, from: former, ...(by === undefined ? {} : { by }) }, 'weight set');
    const unproven = failures.map(({ edge }) => edge);
    return { node, weight, configured, before: former, ...(unproven.length === 0 ? {} : { unproven }) };
  }

  async #goBack(record: NodeRecord, former: number): Promise<void> {
    record.weight = former;
    await this.#note().catch((thrown: unknown) => {
      const fields = { node: record.config.name, reason: LameduckError.from(thrown).message };
      this.#parts.logger.error(fields, 'weight of before not noted');
    });
    await this.#weighAll();
  }

  /** All edges, whatever happens to one; gives what failed. */
  async #weighAll(): Promise<readonly { readonly edge: string; readonly problem: LameduckError }[]> {
    const failures = this.#parts.edges.edges.map(async (edge) => {
      try {
        await this.#weigh(edge);
        return [];
      } catch (thrown) {
        return [{ edge: edge.name, problem: LameduckError.from(thrown) }];
      }
    });
    return (await Promise.all(failures)).flat();
  }

  async #bring(edge: Edge): Promise<void> {
    const { closing, logger } = this.#parts;
    try {
      await this.#weigh(edge);
      this.#problems.delete(edge);
      logger.warn({ edge: edge.name }, 'weights of edge brought to what is wanted');
    } catch (thrown) {
      const reason = LameduckError.from(thrown).message;
      if (closing.aborted || this.#problems.get(edge) === reason) return;
      this.#problems.set(edge, reason);
      logger.error({ edge: edge.name, reason }, 'edge does not follow the weights');
    }
  }

  #weigh(edge: Edge): Promise<void> {
    const { clock, closing } = this.#parts;
    return within(clock, edgeTimeoutMs, [closing], (signal) => edge.weigh(this.#wanted(), signal));
  }

  #wanted(): ReadonlyMap<string, number> {
    const changed = this.#parts.records.filter(({ weight, config }) => weight !== config.weight);
    return new Map(changed.map(({ weight, config }) => [config.name, weight]));
  }

  #isAsWanted({ weights = {} }: EdgeStatus): boolean {
    const wanted = this.#wanted();
    return (
      Object.keys(weights).length === wanted.size &&
      [...wanted].every(([node, weight]) => weights[node] === weight)
    );
  }

  async #note(): Promise<void> {
    const { records, store } = this.#parts;
    const wanted = this.#wanted();
    const changed = records.filter(({ config }) => wanted.has(config.name));
    const notes = changed.map(({ config, weight }): [string, NotedWeight] => [
      config.name,
      { weight, configured: config.weight },
    ]);
    await noteWeights(store, new Map(notes));
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#tail.then(work);
    this.#tail = done.catch(() => undefined);
    return done;
  }
}
