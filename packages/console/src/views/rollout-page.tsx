import type { RolloutStatus } from '@lameduck/core';
import type { VNode } from 'preact';
import { describeRollBack } from '../model/explain.ts';
import { formatInstant, formatMs, plural, toMs } from '../model/format.ts';
import { formatRoute } from '../model/route.ts';
import type { OperationView } from '../model/state.ts';
import { intent } from '../shell/intent.ts';
import { now, state } from '../shell/store.ts';
import { OperationCard } from './operation-card.tsx';
import { isOver, RolloutCard } from './rollout-card.tsx';

/** The rollout under way or the last one, node by node. */
export function RolloutPage(): VNode {
  const { rollout, operations } = state.value;
  const running = [...operations.values()].filter(
    ({ node, report }) => report === undefined && rollout?.running.includes(node),
  );
  return (
    <section class="paper" aria-labelledby="rollout-title">
      <h1 id="rollout-title">Rollout</h1>
      {rollout === undefined ? (
        <p>
          No rollout was made since this daemon began. A rollout restarts all nodes in turn, and stops at the
          first one that fails.
        </p>
      ) : (
        <RolloutCard rollout={rollout} />
      )}
      {running.map((operation) => (
        <OperationCard key={operation.id} operation={operation} />
      ))}
      {rollout !== undefined && <NodesOf rollout={rollout} />}
      {(rollout === undefined || isOver(rollout)) && (
        <p class="page-actions">
          <button
            type="button"
            class="primary"
            onClick={() => {
              intent.value = { type: 'rollout' };
            }}
          >
            Roll out…
          </button>
        </p>
      )}
    </section>
  );
}

function NodesOf({ rollout }: { readonly rollout: RolloutStatus }): VNode {
  const beganAtMs = toMs(rollout.beganAt) ?? 0;
  const ended = new Map<string, OperationView>();
  for (const operation of state.value.operations.values()) {
    if (operation.report !== undefined && operation.beganAtMs >= beganAtMs - 1000)
      ended.set(operation.node, operation);
  }
  const parts = [
    ...rollout.done.map((name) => [name, 'done'] as const),
    ...rollout.running.map((name) => [name, 'under way'] as const),
    ...(rollout.skipped ?? []).map((name) => [name, 'left out'] as const),
    ...rollout.pending.map((name) => [name, isOver(rollout) ? 'untouched' : 'waits'] as const),
  ];
  return (
    <>
      <p class="small soft">
        Began {formatInstant(beganAtMs, now.value)}, {plural(parts.length, 'node')}.
      </p>
      <table class="plain">
        <thead>
          <tr>
            <th scope="col">Node</th>
            <th scope="col">Stands</th>
            <th scope="col">Took</th>
            <th scope="col">Lost</th>
          </tr>
        </thead>
        <tbody>
          {parts.map(([name, word]) => (
            <RolloutRow key={name} name={name} word={word} operation={ended.get(name)} />
          ))}
        </tbody>
      </table>
    </>
  );
}

function RolloutRow({
  name,
  word,
  operation,
}: {
  readonly name: string;
  readonly word: string;
  readonly operation: OperationView | undefined;
}): VNode {
  const report = word === 'under way' || word === 'waits' ? undefined : operation?.report;
  return (
    <tr>
      <th scope="row">
        <a href={formatRoute({ page: 'node', node: name })}>{name}</a>
      </th>
      <td>
        {report === undefined || operation === undefined ? (
          word
        ) : (
          <a href={formatRoute({ page: 'operation', id: operation.id })}>
            {[report.result, describeRollBack(report)].filter(Boolean).join(', ')}
          </a>
        )}
      </td>
      <td class="figure">{report === undefined ? '' : formatMs(report.ms)}</td>
      <td class="figure">{report === undefined ? '' : report.lost}</td>
    </tr>
  );
}
