import { countServing, type OperationKind, type Preview } from '@lameduck/core';
import { askGuard, withHolders } from './guard.ts';
import { availability, type NodeRecord } from './node-record.ts';
import { longestOperation, operationLimits } from './operation-limits.ts';
import type { PlanParts } from './plan-operation.ts';
import { refusalOf } from './refusals.ts';

/** What takes a node out. */
const removing: readonly OperationKind[] = ['drain', 'stop', 'restart'];

/** What the operation would do now, by the guard that it would meet, and within the deadlines that it would have. */
export function previewOperation(
  { config, records, edges, clock }: PlanParts,
  kind: OperationKind,
  record: NodeRecord,
): Preview {
  const nodes = records.map(availability);
  const { name } = record.config;
  const isRemoving = removing.includes(kind);
  const verdict = isRemoving
    ? withHolders(askGuard(config, records, [name]), records, [name], clock)
    : ({ allowed: true } as const);
  const reason = refusalOf(record, kind, clock) ?? (verdict.allowed ? undefined : verdict.reason);
  const staying = isRemoving ? nodes.filter((node) => node.name !== name) : nodes;
  return {
    operation: kind,
    node: name,
    allowed: reason === undefined,
    ...(reason === undefined ? {} : { reason }),
    inRotation: countServing(nodes),
    staysInRotation: countServing(staying),
    of: nodes.length,
    inFlight: record.inFlight,
    atMostMs: longestOperation(kind, operationLimits(kind, record, config, edges)),
  };
}
