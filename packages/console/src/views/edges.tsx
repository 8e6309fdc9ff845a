import type { EdgeView } from '@lameduck/core';
import { computed } from '@preact/signals';
import type { VNode } from 'preact';
import { describeDivergence, findDivergence } from '../model/divergence.ts';
import { listNames, plural } from '../model/format.ts';
import { edges, nodes } from '../shell/store.ts';
import { LevelMark } from './marks.tsx';

/** More edges than this are shown shorter, where nothing is wrong with them. */
const fewEdges = 4;

/** Nodes under an operation: all that an edge's card needs to know of the nodes, and it changes seldom. */
const held = computed(() =>
  [...nodes.value.values()].flatMap(({ status }) => (status.operation ? status.name : [])).join(),
);

/** The proxies in front: what was asked of each, and what its nginx really has loaded. */
export function Edges(): VNode | null {
  const { value: all } = edges;
  if (all.length === 0) return null;
  return (
    <section class="edges" aria-labelledby="edges-title">
      <h2 id="edges-title">
        Edges <small>{all.length}</small>
      </h2>
      <ul class={all.length > fewEdges ? 'is-many' : undefined}>
        {all.map((edge) => (
          <EdgeItem key={edge.name} edge={edge} />
        ))}
      </ul>
    </section>
  );
}

function EdgeItem({ edge }: { readonly edge: EdgeView }): VNode {
  const divergence = findDivergence(edge, (name) => held.value.split(',').includes(name));
  const isAlarm = edge.state === 'failed' || (divergence !== undefined && !divergence.isUnderWay);
  const level = isAlarm ? 'danger' : divergence === undefined ? 'calm' : 'busy';
  const isHolding = edge.paused !== undefined || (edge.held ?? 0) > 0;
  return (
    <li class={`edge level-${level}`}>
      <div class="edge-head">
        <LevelMark level={level} />
        <strong>{edge.name}</strong>
        <span class="soft">
          {edge.listen ?? 'attached'} · {edge.mode} · {edge.server}
        </span>
      </div>
      <dl class="loaded">
        <dt>asked out</dt>
        <dd>{edge.desired === undefined ? 'not told' : listNames(edge.desired, 6) || 'nobody'}</dd>
        <dt>loaded out</dt>
        <dd>{edge.out === undefined ? 'not told' : listNames(edge.out, 6) || 'nobody'}</dd>
      </dl>
      <p class="edge-word">
        {edge.state === 'failed'
          ? (edge.reason ?? 'does not answer')
          : divergence === undefined
            ? `${edge.state}, has loaded what was asked`
            : `${edge.state}, ${describeDivergence(divergence)}${divergence.isUnderWay ? ' for a moment' : ''}`}
      </p>
      {isHolding && (
        <p class="edge-hold">
          {edge.paused === undefined ? 'No node to send to' : 'Paused'}: {plural(edge.held ?? 0, 'request')}{' '}
          {edge.held === 1 ? 'waits' : 'wait'} here
        </p>
      )}
    </li>
  );
}
