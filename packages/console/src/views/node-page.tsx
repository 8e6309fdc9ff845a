import type { NodeStatus } from '@lameduck/core';
import type { VNode } from 'preact';
import { formatAge, formatBytes, formatMs } from '../model/format.ts';
import type { NodeView } from '../model/state.ts';
import { errorsPerSecond, perSecond } from '../model/traffic-now.ts';
import { api } from '../shell/api.ts';
import { now, state } from '../shell/store.ts';
import { CheckStrip } from './check-strip.tsx';
import { HistoryTable } from './history-table.tsx';
import { StateMark } from './marks.tsx';
import { NodeActions } from './node-actions.tsx';
import { NodeLog } from './node-log.tsx';
import { OperationCard } from './operation-card.tsx';
import { useList } from './use-list.ts';

/** All that is known of one node. */
export function NodePage({ name }: { readonly name: string }): VNode {
  const { nodes, isLoaded } = state.value;
  const view = nodes.get(name);
  if (view !== undefined) return <NodeSheet view={view} />;
  return (
    <section class="paper" aria-busy={!isLoaded}>
      <h1>{isLoaded ? `There is no node ${name}.` : 'Looking it up.'}</h1>
      {isLoaded && <p>It was probably renamed or removed.</p>}
      <p>
        <a href="#/">To the overview</a>
      </p>
    </section>
  );
}

function NodeSheet({ view }: { readonly view: NodeView }): VNode {
  const { status, sinceMs } = view;
  const { name, state: word, reason } = status;
  const running = [...state.value.operations.values()].find(
    ({ node, report }) => node === name && report === undefined,
  );
  return (
    <article class="paper" data-node={name} aria-labelledby="node-title">
      <p class="crumb">
        {status.kind} · {status.address}
        {status.pid !== undefined && ` · pid ${status.pid}`}
      </p>
      <div class="paper-head">
        <h1 id="node-title">
          <StateMark state={word} /> {name} <span class={`state-text-${word}`}>is {word}</span>{' '}
          <small class="soft figure">{formatAge(now.value - sinceMs)}</small>
        </h1>
        <NodeActions node={name} state={word} isBusy={status.operation !== undefined} />
      </div>
      {reason !== undefined && <p class="reason tone-attention">{reason}</p>}
      {running !== undefined && <OperationCard operation={running} />}
      <NodeFigures status={status} />
      <ChecksOf view={view} />
      <WorkersOf status={status} />
      <NodeLog key={name} node={name} />
      <PastOf name={name} />
    </article>
  );
}

function NodeFigures({ status }: { readonly status: NodeStatus }): VNode {
  const { traffic } = state.value;
  const newest = traffic.at(-1);
  const sample = newest?.nodes[status.name];
  const figures: readonly (readonly [string, string | number | undefined])[] = [
    ['in rotation', status.inRotation ? 'yes' : 'no'],
    ['in flight', status.inFlight],
    ['connections', status.connections],
    ['requests/s', newest && sample && perSecond(sample.requests, newest)],
    ['p99', sample?.p99Ms && formatMs(sample.p99Ms)],
    ['failed/s', newest && sample && errorsPerSecond(sample.errors, newest)],
    ['weight', status.weight],
    ['version', status.version],
    ['gunicorn', status.arbiter?.version],
  ];
  return (
    <dl class="figures">
      {figures.map(([name, value]) =>
        value === undefined ? null : (
          <div key={name}>
            <dt>{name}</dt>
            <dd class="figure">{value}</dd>
          </div>
        ),
      )}
    </dl>
  );
}

function ChecksOf({ view: { status } }: { readonly view: NodeView }): VNode {
  const { healthChange, lastCheck } = status;
  return (
    <section aria-labelledby="checks-title">
      <h2 id="checks-title">Checks</h2>
      <div class="strip-big">
        <CheckStrip checks={state.value.checks.get(status.name)} />
      </div>
      <p>
        {lastCheck ?? 'Not checked yet'}
        {healthChange !== undefined && (
          <span class="soft">
            . {healthChange.from} → {healthChange.to} {formatAge(healthChange.ms)} before:{' '}
            {healthChange.reason}
          </span>
        )}
      </p>
    </section>
  );
}

function WorkersOf({ status: { workers } }: { readonly status: NodeStatus }): VNode | null {
  if (workers.length === 0) return null;
  return (
    <section aria-labelledby="workers-title">
      <h2 id="workers-title">
        Workers <small>{workers.length}</small>
      </h2>
      <table class="plain">
        <thead>
          <tr>
            <th scope="col">Process</th>
            <th scope="col">State</th>
            <th scope="col">Age</th>
            <th scope="col">In flight</th>
            <th scope="col">Open</th>
            <th scope="col">Idle</th>
            <th scope="col">Memory</th>
            <th scope="col">Generation</th>
          </tr>
        </thead>
        <tbody>
          {workers.map(({ pid, state: word, startedAtMs, inFlight, open, idle, rss, generation }) => (
            <tr key={pid}>
              <th scope="row" class="figure">
                {pid}
              </th>
              <td>{word}</td>
              <td class="figure">{startedAtMs === undefined ? '–' : formatAge(now.value - startedAtMs)}</td>
              <td class="figure">{inFlight ?? '–'}</td>
              <td class="figure">{open ?? '–'}</td>
              <td class="figure">{idle ?? '–'}</td>
              <td class="figure">{rss === undefined ? '–' : formatBytes(rss)}</td>
              <td class="figure">{generation ?? '–'}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function PastOf({ name }: { readonly name: string }): VNode | null {
  const ended = [...state.value.operations.values()].filter(
    ({ node, report }) => node === name && report !== undefined,
  ).length;
  const { items } = useList(() => api.history({ limit: 20, node: name }), [name, ended]);
  const entries = items?.filter(({ subject }) => subject === name) ?? [];
  if (entries.length === 0) return null;
  return (
    <section aria-labelledby="past-title">
      <h2 id="past-title">What was done with it</h2>
      <HistoryTable entries={entries} />
    </section>
  );
}
