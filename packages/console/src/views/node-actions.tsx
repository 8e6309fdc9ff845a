import type { NodeState, OperationKind } from '@lameduck/core';
import type { VNode } from 'preact';
import { operationVerbs } from '../model/steps.ts';
import { intent } from '../shell/intent.ts';

const offered: Readonly<Record<NodeState, readonly OperationKind[]>> = {
  ready: ['drain', 'restart', 'stop'],
  unhealthy: ['drain', 'restart', 'stop'],
  draining: ['ready', 'restart', 'stop'],
  drained: ['ready', 'restart', 'stop'],
  starting: ['stop'],
  stopped: ['start'],
};

/** What makes sense for a node in this state; each one asks before it acts. */
export function NodeActions({
  node,
  state,
  isBusy,
}: {
  readonly node: string;
  readonly state: NodeState;
  readonly isBusy: boolean;
}): VNode {
  return (
    <span class="actions">
      {(offered[state] ?? []).map((kind) => (
        <button
          key={kind}
          type="button"
          disabled={isBusy}
          aria-label={`${operationVerbs[kind]} ${node}`}
          onClick={(event) => {
            event.stopPropagation();
            intent.value = { type: 'operation', kind, node };
          }}
        >
          {operationVerbs[kind]}
        </button>
      ))}
    </span>
  );
}
