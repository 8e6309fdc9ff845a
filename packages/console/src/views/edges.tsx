import type { EdgeView } from '@lameduck/core';
import type { VNode } from 'preact';
import { describeDivergence, findDivergence } from '../model/divergence.ts';
import { listNames } from '../model/format.ts';
import { state } from '../shell/store.ts';
import { LevelMark } from './marks.tsx';

/** More edges than this are shown shorter, where nothing is wrong with them. */
const fewEdges = 4;

/** The proxies in front: what was asked of each, and what its nginx really has loaded. */
export function Edges(): VNode | null {
  const { edges } = state.value;
  if (edges.length === 0) return null;
  return (
    <section class="edges" aria-labelledby="edges-title">
      <h2 id="edges-title">
        Edges <small>{edges.length}</small>
      </h2>
      <ul class={edges.length > fewEdges ? 'is-many' : undefined}>
        {edges.map((edge) => (
          <EdgeItem key={edge.name} edge={edge} />
        ))}
      </ul>
    </section>
  );
}

function EdgeItem({ edge }: { readonly edge: EdgeView }): VNode {
  const divergence = findDivergence(edge, state.value.nodes);
  const isAlarm = edge.state === 'failed' || (divergence !== undefined && !divergence.isUnderWay);
  const level = isAlarm ? 'danger' : divergence === undefined ? 'calm' : 'busy';
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
    </li>
  );
}
