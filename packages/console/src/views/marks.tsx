import type { NodeState } from '@lameduck/core';
import type { VNode } from 'preact';
import type { Level } from '../model/verdict.ts';

/* States are told apart by shape, by colour and by their word, never by colour alone. */

interface Shape {
  /** Paths of a square of 12 by 12: what is filled, what is drawn as a line, what is cut out of it. */
  readonly full?: string;
  readonly line?: string;
  readonly cut?: string;
}

const ring = 'M6 1.75a4.25 4.25 0 1 0 .01 0Z';

/** The shape of each state of a node. */
export const nodeShapes: Readonly<Record<NodeState, Shape>> = {
  ready: { full: 'M6 1.5a4.5 4.5 0 1 0 .01 0Z' },
  draining: { full: 'M6 1.75a4.25 4.25 0 0 0 0 8.5Z', line: ring },
  drained: { line: ring },
  stopped: { line: 'M2.5 2h7a.5.5 0 0 1 .5.5v7a.5.5 0 0 1-.5.5h-7a.5.5 0 0 1-.5-.5v-7a.5.5 0 0 1 .5-.5Z' },
  starting: { full: 'M6 1.5 11 10.5H1Z' },
  unhealthy: { full: 'M4 .8h4L11.2 4v4L8 11.2H4L.8 8V4Z', cut: 'm4 4 4 4m0-4L4 8' },
};

/** The shape of a node's state; the word stands beside it. */
export function StateMark({ state }: { readonly state: NodeState }): VNode {
  const { full, line, cut } = nodeShapes[state];
  return (
    <svg class={`mark state-${state}`} viewBox="0 0 12 12" aria-hidden="true">
      {full && <path d={full} />}
      {line && <path class="hollow" d={line} />}
      {cut && <path class="cut" d={cut} />}
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
