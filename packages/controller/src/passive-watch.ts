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
import type { TrafficReading, TrafficWatch } from './traffic-watch.ts';

/** Errors of one node, by edge: an edge that is started anew counts from 0 again. */
type ByEdge = Map<string, PassiveState>;

/**
 * Makes a node failing that gives clients too many errors, as the edges counted them, although its checks pass. What
 * comes while an operation holds the node, or while it is out, is not held against it.
 */
export class PassiveWatch {
  readonly #records: readonly NodeRecord[];
  readonly #traffic: TrafficWatch;
  readonly #monitor: HealthMonitor;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #counted = new Map<NodeRecord, ByEdge>();
  readonly #silent = new Set<string>();

  constructor(
    records: readonly NodeRecord[],
    traffic: TrafficWatch,
    monitor: HealthMonitor,
    around: { readonly clock: Clock; readonly logger: Logger },
  ) {
    this.#records = records.filter(({ config }) => config.health.passive !== undefined);
    this.#traffic = traffic;
    this.#monitor = monitor;
    this.#clock = around.clock;
    this.#logger = around.logger;
  }

  /** Goes on until the watch ends; does nothing where no node is watched. */
  start(): void {
    if (this.#records.length > 0) this.#traffic.follow((reading) => this.#receive(reading));
  }

  /** An edge that does not answer says nothing about the nodes behind it. */
  #receive({ atMs, edges }: TrafficReading): void {
    for (const [edge, answer] of edges) {
      if (answer === 'uncounted') this.#tellSilent(edge);
      if (typeof answer === 'string') continue;
      for (const record of this.#records) {
        const total = answer.get(record.config.name)?.errors;
        if (total !== undefined) this.#note(record, edge, total);
      }
    }
    for (const record of this.#records) this.#judge(record, atMs);
  }

  #tellSilent(edge: string): void {
    if (this.#silent.has(edge)) return;
    this.#silent.add(edge);
    this.#logger.warn({ edge }, 'health.passive has no effect at this edge: it counts no errors');
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
