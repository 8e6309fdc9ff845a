import type { NodeState } from '@lameduck/core';
import { computed, effect, signal } from '@preact/signals';
import type { VNode } from 'preact';
import { useLayoutEffect, useRef } from 'preact/hooks';
import { formatCount } from '../model/format.ts';
import { type NodeOrder, selectNodes } from '../model/node-list.ts';
import { formatRoute } from '../model/route.ts';
import type { NodeView } from '../model/state.ts';
import { listKeys, selected } from '../shell/keys.ts';
import { counts, nodes, state } from '../shell/store.ts';
import { StateMark } from './marks.tsx';
import { NodeMap } from './node-map.tsx';
import { NodeRow } from './node-row.tsx';
import { fewRows, useRowWindow } from './use-row-window.ts';

const search = signal('');
const only = signal<NodeState | undefined>(undefined);
const order = signal<NodeOrder>('configured');
const checks = computed(() => state.value.checks);
const rows = computed(() =>
  selectNodes(nodes.value.values(), { search: search.value, state: only.value, order: order.value }),
);

/** The list of nodes: filter, map of all where there are many, and a table of which only what is seen is drawn. */
export function Nodes(): VNode {
  const found = rows.value;
  const { total } = counts.value;
  useListKeys();
  return (
    <section class="nodes" aria-labelledby="nodes-title">
      <div class="nodes-head">
        <h2 id="nodes-title">
          Nodes <small>{found.length === total ? total : `${found.length} of ${total}`}</small>
        </h2>
        <Filter />
      </div>
      {total > fewRows && <NodeMap views={found} />}
      {found.length === 0 ? <p class="nothing">No node is like that.</p> : <Table views={found} />}
    </section>
  );
}

function Filter(): VNode {
  const { byState } = counts.value;
  const states = (Object.keys(byState) as NodeState[]).filter(
    (name) => byState[name] > 0 || only.value === name,
  );
  return (
    <search class="filter" aria-label="Nodes">
      <div class="chips">
        {states.map((name) => (
          <button
            key={name}
            type="button"
            aria-pressed={only.value === name}
            onClick={() => {
              only.value = only.value === name ? undefined : name;
            }}
          >
            <StateMark state={name} /> {name} <span class="figure">{formatCount(byState[name])}</span>
          </button>
        ))}
      </div>
      <label class="select">
        <span class="heard-only">Order</span>
        <select
          value={order.value}
          onChange={(event) => {
            order.value = event.currentTarget.value as NodeOrder;
          }}
        >
          <option value="configured">as configured</option>
          <option value="attention">what needs attention</option>
          <option value="inFlight">most in flight</option>
          <option value="age">latest change</option>
        </select>
      </label>
      <input
        type="search"
        placeholder="Search  /"
        aria-label="Search nodes"
        value={search.value}
        onInput={(event) => {
          search.value = event.currentTarget.value;
        }}
      />
    </search>
  );
}

function Table({ views }: { readonly views: readonly NodeView[] }): VNode {
  const body = useRef<HTMLTableSectionElement>(null);
  const { from, to, rowPx } = useRowWindow(body, views.length);
  const mostInFlight = roundUp(views);
  return (
    <div class="table-frame">
      <table aria-rowcount={views.length + 1}>
        <thead>
          <tr>
            <th scope="col">Node</th>
            <th scope="col" class="c-state">
              State
            </th>
            <th scope="col" class="c-flight">
              In flight
            </th>
            <th scope="col" class="c-connections">
              <abbr title="connections">Conn.</abbr>
            </th>
            <th scope="col" class="c-workers">
              Workers
            </th>
            <th scope="col" class="c-version">
              Version
            </th>
            <th scope="col" class="c-check">
              Last checks
            </th>
            <th scope="col" class="c-actions">
              <span class="heard-only">Actions</span>
            </th>
          </tr>
        </thead>
        <tbody ref={body}>
          <Space px={from * rowPx} />
          {views.slice(from, to).map((view, index) => (
            <NodeRow
              key={view.status.name}
              view={view}
              checks={checks.value.get(view.status.name)}
              isSelected={selected.value === view.status.name}
              mostInFlight={mostInFlight}
              index={from + index}
            />
          ))}
          <Space px={(views.length - to) * rowPx} />
        </tbody>
      </table>
    </div>
  );
}

/** Stands for the rows that are not drawn. */
function Space({ px }: { readonly px: number }): VNode | null {
  return px === 0 ? null : (
    <tr class="space">
      <td colSpan={8} style={{ height: `${px}px` }} />
    </tr>
  );
}

/** A round number above the most in flight, so that the bars do not all change with each request. */
function roundUp(views: readonly NodeView[]): number {
  const most = views.reduce((max, { status }) => Math.max(max, status.inFlight), 8);
  return 2 ** Math.ceil(Math.log2(most));
}

/** `j` and `k` go through the list, Enter opens. Before the paint: who sees the list may type at once. */
function useListKeys(): void {
  useLayoutEffect(() => {
    listKeys.move = (by) => {
      const names = rows.value.map(({ status }) => status.name);
      const at = names.indexOf(selected.value ?? '');
      const next = names[Math.max(0, Math.min(names.length - 1, at + by))];
      if (next !== undefined) selected.value = next;
    };
    return () => {
      listKeys.move = undefined;
    };
  }, []);
  useLayoutEffect(() => effect(focusSelected), []);
}

function focusSelected(): void {
  const name = selected.value;
  if (name === undefined) return;
  const link = document.getElementById(`node-${name}`);
  if (link === null) location.replace(formatRoute({ page: 'overview' }));
  link?.focus({ preventScroll: true });
  link?.scrollIntoView({ block: 'nearest' });
}
