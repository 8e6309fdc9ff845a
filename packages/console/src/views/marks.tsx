import type { NodeState } from '@lameduck/core';
import type { VNode } from 'preact';
import type { Level } from '../model/verdict.ts';

/* States are told apart by shape, by colour and by their word, never by colour alone. */

const nodeShapes: Readonly<Record<NodeState, VNode>> = {
  ready: <circle cx="6" cy="6" r="4.5" />,
  draining: (
    <>
      <circle class="hollow" cx="6" cy="6" r="4.25" />
      <path d="M6 1.75a4.25 4.25 0 0 0 0 8.5Z" />
    </>
  ),
  drained: <circle class="hollow" cx="6" cy="6" r="4.25" />,
  stopped: <rect class="hollow" x="2" y="2" width="8" height="8" rx="1" />,
  starting: <path d="M6 1.5 11 10.5H1Z" />,
  unhealthy: (
    <>
      <path d="M4 .8h4L11.2 4v4L8 11.2H4L.8 8V4Z" />
      <path class="cut" d="m4 4 4 4m0-4L4 8" />
    </>
  ),
};

/** The shape of a node's state; the word stands beside it. */
export function StateMark({ state }: { readonly state: NodeState }): VNode {
  return (
    <svg class={`mark state-${state}`} viewBox="0 0 12 12" aria-hidden="true">
      {nodeShapes[state]}
    </svg>
  );
}

const levelShapes: Readonly<Record<Level, VNode>> = {
  unknown: <circle class="hollow" cx="12" cy="12" r="9" stroke-dasharray="3 4" />,
  calm: (
    <>
      <circle class="hollow" cx="12" cy="12" r="10" />
      <path class="hollow" d="m7.5 12.3 3.2 3.2 6-6.6" />
    </>
  ),
  busy: (
    <>
      <circle class="hollow faint" cx="12" cy="12" r="10" />
      <path class="hollow turning" d="M12 2a10 10 0 0 1 10 10" />
      <path class="hollow" d="m7.5 12.3 3.2 3.2 6-6.6" />
    </>
  ),
  attention: (
    <>
      <path class="hollow" d="M12 3 22 21H2Z" />
      <path class="hollow" d="M12 10v5m0 2.6v.4" />
    </>
  ),
  danger: (
    <>
      <path d="M8 1.5h8L22.5 8v8L16 22.5H8L1.5 16V8Z" />
      <path class="cut" d="M12 7v6.5m0 3v.5" />
    </>
  ),
};

export function LevelMark({ level }: { readonly level: Level }): VNode {
  return (
    <svg class={`level-mark level-${level}`} viewBox="0 0 24 24" aria-hidden="true">
      {levelShapes[level]}
    </svg>
  );
}

/** The sign of the house. */
export function Duck(): VNode {
  return (
    <svg class="duck" viewBox="0 0 32 32" aria-hidden="true">
      <path d="M4 20c7 1.500 8-2.500 8-8a5.500 5.500 0 0 1 11 0c0 3-1.400 4-1.400 7 0 4-4 8-9.600 8-4 0-7-3-8-7Z" />
      <path class="bill" d="M23 10.500h6L26 14h-3Z" />
    </svg>
  );
}
