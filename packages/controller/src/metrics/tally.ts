import {
  type OperationKind,
  type OperationReport,
  type OperationResult,
  operationKinds,
  operationResults,
  type PhaseName,
  phaseNames,
  type RolloutReport,
} from '@lameduck/core';
import { Histogram } from './histogram.ts';

/** Seconds; the last ones are the usual deadlines. */
const phaseBounds = [0.005, 0.02, 0.1, 0.5, 1, 2, 5, 10, 30, 60, 120];
const storeBounds = [0.0005, 0.001, 0.005, 0.02, 0.1, 0.5, 2];

/** The calls of the store that are measured. */
export type StoreCall = 'get' | 'list' | 'txn';

/** What became of the nodes in operations. */
interface NodeTally {
  answered: number;
  lost: number;
  killed: number;
  healthChanges: number;
}

/** What only grows, since the start of the controller. All that can be counted is there from the start, as 0. */
export class Tally {
  readonly operations: ReadonlyMap<OperationKind, Map<OperationResult, number>> = new Map(
    operationKinds.map((kind) => [kind, new Map(operationResults.map((result) => [result, 0]))]),
  );
  readonly rollouts: Map<RolloutReport['result'], number> = new Map([
    ['done', 0],
    ['aborted', 0],
  ]);
  readonly phases: ReadonlyMap<PhaseName, Histogram> = new Map(
    phaseNames.map((phase) => [phase, new Histogram(phaseBounds)]),
  );
  readonly store: Readonly<Record<StoreCall, { readonly duration: Histogram; failures: number }>> = {
    get: { duration: new Histogram(storeBounds), failures: 0 },
    list: { duration: new Histogram(storeBounds), failures: 0 },
    txn: { duration: new Histogram(storeBounds), failures: 0 },
  };
  readonly nodes: ReadonlyMap<string, NodeTally>;

  constructor(nodes: readonly string[]) {
    this.nodes = new Map(nodes.map((node) => [node, { answered: 0, lost: 0, killed: 0, healthChanges: 0 }]));
  }

  readonly operationEnded = (report: OperationReport): void => {
    const byResult = this.operations.get(report.operation);
    byResult?.set(report.result, (byResult.get(report.result) ?? 0) + 1);
    for (const { name, ms } of report.phases) this.phases.get(name)?.observe(ms / 1000);
    const node = this.nodes.get(report.node);
    if (node === undefined) return;
    node.answered += report.answered;
    node.lost += report.lost;
    node.killed += report.killed.length;
  };

  readonly rolloutEnded = ({ result }: RolloutReport): void => {
    this.rollouts.set(result, (this.rollouts.get(result) ?? 0) + 1);
  };

  readonly healthChanged = (name: string): void => {
    const node = this.nodes.get(name);
    if (node !== undefined) node.healthChanges += 1;
  };
}
