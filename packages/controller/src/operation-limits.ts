import { type Config, type OperationKind, type PlanLimits, planPhases } from '@lameduck/core';
import type { NodeRecord } from './node-record.ts';
import { operationSpec } from './operation-spec.ts';
import type { Edge } from './ports/edge.ts';

/**
 * The deadlines of an operation, as it would meet them now: of the edges in the mode that each has found, whatever mode is
 * configured. What `--dry-run` shows and what the console is told come from here.
 */
export function operationLimits(
  kind: OperationKind,
  record: NodeRecord,
  config: Config,
  edges: readonly Edge[],
): PlanLimits {
  const sticky = config.sticky?.drainMs ?? 0;
  // all edges are asked at once; sticky sessions are let end by a change of its own
  const removeMs = Math.max(
    ...edges.map(
      ({ changeLimits }) => changeLimits.removeMs + (sticky > 0 ? sticky + changeLimits.restoreMs : 0),
    ),
  );
  const returnMs = Math.max(...edges.map(({ changeLimits }) => changeLimits.restoreMs));
  return { ...operationSpec(kind, record, config).limits, removeMs, returnMs };
}

/** The sum of the deadlines of all its steps. */
export function longestOperation(kind: OperationKind, limits: PlanLimits): number {
  return planPhases(kind, limits).reduce((sum, { atMostMs = 0 }) => sum + atMostMs, 0);
}
