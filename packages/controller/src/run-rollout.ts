import {
  beginRollout,
  LameduckError,
  type OperationReport,
  type RolloutEffect,
  type RolloutEvent,
  type RolloutReport,
  runMachine,
  stepRollout,
} from '@lameduck/core';
import type { Logger } from 'pino';
import type { Clock } from './ports/clock.ts';
import type { OnProgress } from './run-operation.ts';
import type { ServiceStore } from './store/service-store.ts';
import type { Unsettled } from './unsettled.ts';

export interface RolloutParts {
  readonly clock: Clock;
  readonly store: ServiceStore;
  readonly unsettled: Unsettled;
  readonly logger: Logger;
  /** The nodes in their order; those that the operator has taken out or stopped are left alone. */
  readonly nodes: readonly string[];
  readonly skipped: readonly string[];
  readonly restart: (node: string, onProgress: OnProgress) => Promise<OperationReport>;
}

/** Restarts all nodes, a batch at a time; stops at the first batch in which one did not come back. */
export async function runRollout(
  parts: RolloutParts,
  batch: number,
  onProgress: OnProgress,
): Promise<RolloutReport> {
  const { clock, store, nodes, skipped } = parts;
  const beganAt = clock.timestamp();
  const kept = await store.beginRollout(nodes, beganAt);
  const { promise, resolve } = Promise.withResolvers<RolloutReport>();

  function perform(effect: RolloutEffect, send: (event: RolloutEvent) => void): void {
    if (effect.type === 'finish') {
      resolve(effect.report);
      return;
    }
    void restart(effect.node).then(async (report) => {
      onProgress({ type: 'nodeReport', report });
      await note(report);
      send({ type: 'nodeFinished', at: clock.now(), report });
    });
  }

  async function restart(node: string): Promise<OperationReport> {
    try {
      return await parts.restart(node, onProgress);
    } catch (error) {
      return failedReport(node, LameduckError.from(error));
    }
  }

  /** Only for one who finds the rollout interrupted: it goes on without. */
  async function note(report: OperationReport): Promise<void> {
    await kept.note(report).catch((thrown: unknown) => {
      parts.logger.error({ reason: LameduckError.from(thrown).message }, 'rollout not noted');
    });
  }

  runMachine(stepRollout, beginRollout(nodes, batch), perform).send({ type: 'begun', at: clock.now() });
  const ended = await promise;
  const report = { ...ended, untouched: [...ended.untouched, ...skipped] };
  await parts.unsettled.attempt(`rollout/${beganAt}`, () => kept.settle(report));
  return report;
}

function failedReport(node: string, error: LameduckError): OperationReport {
  return {
    operation: 'restart',
    node,
    result: 'failed',
    phases: [],
    inFlight: 0,
    answered: 0,
    lost: 0,
    killed: [],
    ms: 0,
    reason: error.message,
    code: error.code,
  };
}
