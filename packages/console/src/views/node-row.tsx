import type { NodeStatus, WorkerView } from '@lameduck/core';
import type { VNode } from 'preact';
import { formatCount } from '../model/format.ts';
import { formatRoute } from '../model/route.ts';
import type { CheckDot, NodeView } from '../model/state.ts';
import { stepWords } from '../model/steps.ts';
import { Age } from './age.tsx';
import { CheckStrip } from './check-strip.tsx';
import { StateMark } from './marks.tsx';
import { memo } from './memo.ts';
import { NodeActions } from './node-actions.tsx';

export interface RowProps {
  readonly view: NodeView;
  readonly checks: readonly CheckDot[] | undefined;
  readonly isSelected: boolean;
  /** In flight of the busiest node, for the length of the bars. */
  readonly mostInFlight: number;
  readonly index: number;
}

function Row({ view, checks, isSelected, mostInFlight, index }: RowProps): VNode {
  const { status, sinceMs } = view;
  const { name, state, operation } = status;
  return (
    <tr
      class={`node state-row-${state}`}
      data-node={name}
      data-state={state}
      aria-selected={isSelected}
      aria-rowindex={index + 2}
    >
      <th scope="row">
        <a href={formatRoute({ page: 'node', node: name })} id={`node-${name}`}>
          <StateMark state={state} />
          <span class="node-name">{name}</span>
        </a>
      </th>
      <td class={`c-state state-text-${state}`}>
        <span>{describeState(status)}</span>{' '}
        <span class="soft figure">
          <Age sinceMs={sinceMs} isShort />
        </span>
      </td>
      <td class="c-flight">
        <InFlight count={status.inFlight} most={mostInFlight} isMoving={state === 'draining'} />
      </td>
      <td class="c-connections figure">{status.connections ?? <span class="soft">–</span>}</td>
      <td class="c-workers">
        <Workers workers={status.workers} />
      </td>
      <td class="c-version soft">{describeVersion(status)}</td>
      <td class="c-check">
        <CheckStrip checks={checks} />
        <span class={status.health === 'down' ? 'tone-text-danger' : 'soft'} title={status.reason}>
          {status.reason ?? status.lastCheck ?? 'not checked yet'}
        </span>
      </td>
      <td class="c-actions">
        <NodeActions node={name} state={state} isBusy={operation !== undefined} />
      </td>
    </tr>
  );
}

export const NodeRow = memo(Row);

/** The state, and the step where it says more. */
function describeState({ state, operation }: NodeStatus): string {
  const step = operation === undefined ? '' : stepWords[operation.phase];
  return state.startsWith(step) ? state : `${state}: ${step}`;
}

function InFlight({
  count,
  most,
  isMoving,
}: {
  readonly count: number;
  readonly most: number;
  readonly isMoving: boolean;
}): VNode {
  const share = most === 0 ? 0 : Math.min(1, count / most);
  return (
    <span class={isMoving ? 'flight is-moving' : 'flight'}>
      <span class="figure">{formatCount(count)}</span>
      <i aria-hidden="true" style={{ backgroundSize: `${share * 100}%` }} />
    </span>
  );
}

const mostWorkersDrawn = 12;

function Workers({ workers }: { readonly workers: readonly WorkerView[] }): VNode {
  if (workers.length === 0) return <span class="soft">–</span>;
  const ready = workers.filter(({ state }) => state === 'ready').length;
  return (
    <span class="workers">
      <span aria-hidden="true">
        {workers.slice(0, mostWorkersDrawn).map(({ pid, state }) => (
          <i key={pid} class={state === 'ready' ? 'is-ready' : 'is-other'} title={`${pid} ${state}`} />
        ))}
      </span>
      <span class="figure">
        {ready === workers.length ? ready : `${ready}/${workers.length}`}
        <span class="heard-only"> ready</span>
      </span>
    </span>
  );
}

/** The newest generation of its workers stands for the node. */
function describeVersion({ version, workers }: NodeStatus): string {
  const generations = workers.flatMap(({ generation }) => generation ?? []);
  const generation = generations.length === 0 ? undefined : `gen ${Math.max(...generations)}`;
  return [version, generation].filter(Boolean).join(' · ') || '–';
}
