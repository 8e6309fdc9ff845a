import {
  interruptedReport,
  LameduckError,
  type OperationReport,
  type OperationSpec,
  outAfter,
  wishAfter,
} from '@lameduck/core';
import type { Logger } from 'pino';
import type { EffectPoint, OnEffect } from './effect-point.ts';
import type { HealthMonitor } from './health-monitor.ts';
import type { NodeRecord } from './node-record.ts';
import { operationDraft } from './operation-spec.ts';
import type { Clock } from './ports/clock.ts';
import { refuseUnrecorded, releasedPhases } from './refusals.ts';
import { type NotedOperation, type OperationRecord, unrecorded } from './store/operation-log.ts';
import type { ServiceStore } from './store/service-store.ts';
import type { Unsettled } from './unsettled.ts';

export interface BookParts {
  readonly monitor: HealthMonitor;
  readonly store: ServiceStore;
  readonly unsettled: Unsettled;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Told of a node that shall run, and that an operation failed to start. */
  readonly onNotStarted: (record: NodeRecord) => void;
  /** Told of each report. */
  readonly onEnded: (report: OperationReport) => void;
  readonly onEffect: OnEffect;
}

/** Who wants an operation: an operator is refused where it cannot be recorded, a node needs it in any case. */
export type Wanted = 'byOperator' | 'byNode';

/** Keeps the begin and the end of each operation, in the store and in what is known of its node. */
export class OperationBook {
  readonly #parts: BookParts;

  constructor(parts: BookParts) {
    this.#parts = parts;
  }

  /** Throws `storeFailed` where an operator wanted it and it cannot be recorded. */
  async begin(spec: OperationSpec, record: NodeRecord, wanted: Wanted): Promise<OperationRecord> {
    const { store, clock, logger } = this.#parts;
    const { kind, node } = spec;
    const draft = operationDraft(spec, record, clock.timestamp());
    try {
      this.#reach(spec, 'begin', 'before');
      await this.#parts.unsettled.settle(node);
      const kept = await store.beginOperation(draft);
      this.#reach(spec, 'begin', 'after');
      return kept;
    } catch (thrown) {
      const error = LameduckError.from(thrown);
      if (error.code !== 'storeFailed') throw error;
      if (wanted === 'byOperator') throw refuseUnrecorded(kind, node, error);
      logger.error({ node, operation: kind, reason: error.message }, 'operation not recorded');
      return unrecorded;
    }
  }

  /**
   * What the end of an operation means for the node: why it stays out, and what the operator wants of it. `told` is
   * the report for the history.
   */
  async settle(
    record: NodeRecord,
    report: OperationReport,
    kept: OperationRecord,
    told: OperationReport,
  ): Promise<void> {
    const { operation, node, result } = report;
    this.#parts.logger.info({ ...report }, 'operation ended');
    this.#parts.onEnded(report);
    const out = outAfter(report, [...record.out], record.process !== undefined);
    record.out.clear();
    for (const reason of out) record.out.add(reason);
    const wish = wishAfter(report);
    if (wish !== undefined) {
      const atMs = Date.parse(this.#parts.clock.timestamp());
      record.takenOut = wish === 'ready' ? undefined : { atMs, by: record.operation?.by };
    }
    if (result !== 'refused') record.reason = result === 'failed' ? report.reason : undefined;
    if (result === 'failed') this.#followFailure(record, report);
    const point = { operation, node, effect: 'settle' } as const;
    this.#parts.onEffect({ ...point, when: 'before' });
    await this.#parts.unsettled.attempt(node, () => kept.settle(told, wish));
    this.#parts.onEffect({ ...point, when: 'after' });
  }

  /** Ends an operation whose controller ended before it had signalled: the edges are as if it had never been. */
  async revert(noted: NotedOperation): Promise<void> {
    const report = interruptedReport(noted.note, 'reverted');
    this.#parts.logger.info({ ...report }, 'operation ended');
    this.#parts.onEnded(report);
    const kept = this.#parts.store.continueOperation(noted);
    await this.#parts.unsettled.attempt(report.node, () => kept.settle(report, undefined));
  }

  /** A node that may have had SIGTERM must prove its health anew; one that shall run and does not is tried again. */
  #followFailure(record: NodeRecord, report: OperationReport): void {
    if (releasedPhases.includes(report.phases.at(-1)?.name ?? 'check')) this.#parts.monitor.forget(record);
    if (record.process === undefined && wishAfter(report) === 'ready') this.#parts.onNotStarted(record);
  }

  #reach({ kind, node }: OperationSpec, effect: EffectPoint['effect'], when: EffectPoint['when']): void {
    this.#parts.onEffect({ operation: kind, node, effect, when });
  }
}
