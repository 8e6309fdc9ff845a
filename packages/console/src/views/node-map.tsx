import type { NodeState } from '@lameduck/core';
import type { VNode } from 'preact';
import { formatRoute } from '../model/route.ts';
import type { NodeView } from '../model/state.ts';
import { memo } from './memo.ts';

/** So many cells are compared, and drawn again, at once. */
const chunkSize = 50;

/** All nodes as small marks: where one is not like the others, the eye finds it among hundreds. */
export function NodeMap({ views }: { readonly views: readonly NodeView[] }): VNode {
  const chunks = Array.from({ length: Math.ceil(views.length / chunkSize) }, (_, index) =>
    views
      .slice(index * chunkSize, (index + 1) * chunkSize)
      .map(signatureOf)
      .join('\n'),
  );
  return (
    <ul class="map" aria-label="All nodes at a glance">
      {chunks.map((signature, index) => (
        <Chunk key={index} signature={signature} />
      ))}
    </ul>
  );
}

/** All that a cell shows; in flight in four sizes, so that it changes seldom. */
function signatureOf({ status: { name, state, inFlight } }: NodeView): string {
  const load = inFlight === 0 ? 0 : inFlight < 5 ? 1 : inFlight < 20 ? 2 : 3;
  return `${name} ${state} ${load}`;
}

const Chunk = memo(({ signature }: { readonly signature: string }) => (
  <>
    {signature.split('\n').map((line) => {
      const [name = '', state = 'ready', load = ''] = line.split(' ');
      return <Cell key={name} name={name} state={state as NodeState} load={load} />;
    })}
  </>
));

interface CellProps {
  readonly name: string;
  readonly state: NodeState;
  readonly load: string;
}

const Cell = memo(({ name, state, load }: CellProps) => (
  <li>
    {/* biome-ignore lint/a11y/useAnchorContent: what it is stands in its label */}
    <a
      class={`cell state-${state} load-${load}`}
      href={formatRoute({ page: 'node', node: name })}
      title={`${name}: ${state}`}
      aria-label={`${name}: ${state}`}
      // hundreds of stops would lock the keyboard in: the table below has them all
      tabIndex={-1}
    >
      <i aria-hidden="true" />
    </a>
  </li>
));
