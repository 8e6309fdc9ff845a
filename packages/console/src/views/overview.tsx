import { computed } from '@preact/signals';
import type { VNode } from 'preact';
import { intent } from '../shell/intent.ts';
import { isLoaded, nodes, operations, rollout, state } from '../shell/store.ts';
import { Charts } from './charts.tsx';
import { Edges } from './edges.tsx';
import { Nodes } from './nodes.tsx';
import { OperationCard } from './operation-card.tsx';
import { isOver, RolloutCard } from './rollout-card.tsx';
import { VerdictBand } from './verdict.tsx';

const isEmpty = computed(() => nodes.value.size === 0);

/** One screen that answers at a glance. */
export function Overview(): VNode {
  if (!isLoaded.value) return <Loading />;
  return (
    <>
      <VerdictBand />
      <UnderWay />
      {isEmpty.value ? <Empty /> : <Charts />}
      <Edges />
      {!isEmpty.value && <Nodes />}
      <Footer />
    </>
  );
}

function UnderWay(): VNode | null {
  const running = [...operations.value.values()].filter(({ report }) => report === undefined);
  const { value: now } = rollout;
  const isRolling = now !== undefined && !isOver(now);
  if (running.length === 0 && !isRolling) return null;
  return (
    <section class="under-way" aria-label="Under way">
      {isRolling && <RolloutCard rollout={now} />}
      {running.slice(0, 4).map((operation) => (
        <OperationCard key={operation.id} operation={operation} />
      ))}
      {running.length > 4 && <p class="soft">And {running.length - 4} more operations.</p>}
    </section>
  );
}

function Loading(): VNode {
  return (
    <section class="loading" aria-busy="true" aria-label="Loading">
      <VerdictBand />
      <div class="ghosts" aria-hidden="true">
        <i />
        <i />
        <i />
        <i />
      </div>
      <div class="ghost-rows" aria-hidden="true">
        <i />
        <i />
        <i />
      </div>
    </section>
  );
}

function Empty(): VNode {
  return (
    <section class="empty" aria-label="No nodes">
      <pre>{'nodes:\n  - { name: a, address: "127.0.0.1:8001", app: { entry: ./app.ts, workers: 2 } }'}</pre>
      <p class="soft">
        Put at least one node into <code>lameduck.yaml</code>, then run <code>lameduck up</code>. This page
        shows it as soon as it is there.
      </p>
    </section>
  );
}

function Footer(): VNode {
  const { version, pid, paused } = state.value;
  const command = paused === undefined ? 'pause' : 'resume';
  return (
    <footer class="foot">
      <span>
        lameduck {version ?? 'of an older version'}, daemon <span class="figure">{pid}</span>
      </span>
      <button
        type="button"
        onClick={() => {
          intent.value = { type: 'hold', command };
        }}
      >
        {command === 'pause' ? 'Pause the service…' : 'Resume the service…'}
      </button>
    </footer>
  );
}
