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
import type { Clock } from './ports/clock.ts';
import type { Store } from './ports/store.ts';
import type { OnProgress } from './run-operation.ts';

export interface RolloutParts {
  readonly clock: Clock;
  readonly store: Store;
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
  const id = await store.begin('rollout', `${nodes.length} nodes`, clock.timestamp());
  const { promise, resolve } = Promise.withResolvers<RolloutReport>();

  function perform(effect: RolloutEffect, send: (event: RolloutEvent) => void): void {
    if (effect.type === 'finish') {
      resolve(effect.report);
      return;
    }
    void restart(effect.node).then((report) => {
      onProgress({ type: 'nodeReport', report });
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

  runMachine(stepRollout, beginRollout(nodes, batch), perform).send({ type: 'begun', at: clock.now() });
  const ended = await promise;
  const report = { ...ended, untouched: [...ended.untouched, ...skipped] };
  await store.end(id, report);
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
