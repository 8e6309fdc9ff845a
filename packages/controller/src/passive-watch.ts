import {
  formatMs,
  LameduckError,
  noErrors,
  type PassiveLimits,
  type PassiveState,
  stepPassive,
} from '@lameduck/core';
import type { Logger } from 'pino';
import type { HealthMonitor } from './health-monitor.ts';
import type { NodeRecord } from './node-record.ts';
import type { Clock } from './ports/clock.ts';
import type { Edge } from './ports/edge.ts';

/** How often the edges are asked for the errors that they counted. */
const sampleMs = 1000;
const sampleTimeoutMs = 2000;

/** Errors of one node, by edge: an edge that is started anew counts from 0 again. */
type ByEdge = Map<string, PassiveState>;

/**
 * Makes a node failing that gives clients too many errors, as the edges counted them, although its checks pass. What
 * comes while an operation holds the node, or while it is out, is not held against it.
 */
export class PassiveWatch {
  readonly #records: readonly NodeRecord[];
  readonly #edges: readonly Edge[];
  readonly #monitor: HealthMonitor;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #signal: AbortSignal;
  readonly #counted = new Map<NodeRecord, ByEdge>();
  readonly #silent = new Set<Edge>();

  constructor(
    records: readonly NodeRecord[],
    edges: readonly Edge[],
    monitor: HealthMonitor,
    around: { readonly clock: Clock; readonly logger: Logger; readonly signal: AbortSignal },
  ) {
    this.#records = records.filter(({ config }) => config.health.passive !== undefined);
    this.#edges = edges;
    this.#monitor = monitor;
    this.#clock = around.clock;
    this.#logger = around.logger;
    this.#signal = around.signal;
  }

  /** Goes on until the signal aborts; does nothing where no node is watched. */
  start(): void {
    if (this.#records.length === 0 || this.#signal.aborted) return;
    const cancel = this.#clock.schedule(sampleMs, () => {
      this.#signal.removeEventListener('abort', cancel);
      void this.#sample().finally(() => this.start());
    });
    this.#signal.addEventListener('abort', cancel, { once: true });
  }

  async #sample(): Promise<void> {
    const atMs = this.#clock.now();
    await Promise.all(this.#edges.map((edge) => this.#sampleEdge(edge)));
    for (const record of this.#records) this.#judge(record, atMs);
  }

  /** An edge that does not answer says nothing about the nodes behind it. */
  async #sampleEdge(edge: Edge): Promise<void> {
    const signal = AbortSignal.any([this.#signal, AbortSignal.timeout(sampleTimeoutMs)]);
    const totals = await edge.errors(signal).catch((error: unknown) => {
      this.#logger.debug({ edge: edge.name, reason: LameduckError.from(error).message }, 'errors not read');
      return new Map<string, number>();
    });
    if (totals === undefined) return this.#tellSilent(edge);
    for (const record of this.#records) {
      const total = totals.get(record.config.name);
      if (total !== undefined) this.#note(record, edge.name, total);
    }
  }

  #tellSilent(edge: Edge): void {
    if (this.#silent.has(edge)) return;
    this.#silent.add(edge);
    this.#logger.warn({ edge: edge.name }, 'health.passive has no effect at this edge: it counts no errors');
  }

  #note(record: NodeRecord, edge: string, total: number): void {
    const byEdge = this.#counted.get(record) ?? new Map<string, PassiveState>();
    this.#counted.set(record, byEdge);
    const sample = { total, atMs: this.#clock.now() };
    byEdge.set(edge, stepPassive(byEdge.get(edge) ?? noErrors, sample, limitsOf(record)));
  }

  /** As of when the edges were asked: what the fast ones said does not age while a slow one is waited for. */
  #judge(record: NodeRecord, atMs: number): void {
    const byEdge = this.#counted.get(record);
    if (byEdge === undefined) return;
    const limits = limitsOf(record);
    // also of an edge that answers no more
    for (const [edge, state] of byEdge)
      byEdge.set(edge, stepPassive(state, { total: undefined, atMs }, limits));
    const states = [...byEdge.values()];
    const errors = states.flatMap(({ recent }) => recent).reduce((sum, entry) => sum + entry.errors, 0);
    const isServing = record.operation === undefined && record.out.size === 0;
    if (isServing && errors < limits.errors) return;
    for (const [edge, state] of byEdge) byEdge.set(edge, { ...state, recent: [] });
    if (!isServing) return;
    const reason = `${errors} errors within ${formatMs(limits.withinMs)} at the edge`;
    this.#monitor.fail(record, reason);
  }
}

function limitsOf({ config }: NodeRecord): PassiveLimits {
  const { passive } = config.health;
  if (passive !== undefined) return passive;
  throw new LameduckError('internal', `Cannot watch node "${config.name}": it has no limits`);
}
