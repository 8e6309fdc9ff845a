import { assertNever, type Transition } from '@lameduck/core';
import type { EdgeProgress } from '../../ports/edge.ts';

/*
 * How a reload is believed. nginx never tells whether a HUP worked: it is observed from outside.
 *
 *   awaiting ──marker of the generation, and no old worker accepts──▶ applied ──▶ draining(n) ──▶ quiesced
 *      │                                                                   └────┬───────┘
 *      └──[emerg] in the error log, or deadline──▶ rejected                     └──deadline──▶ unproven
 *
 * Invariants: `applied` is never reported without the marker; `quiesced` never while an old worker lives or a
 * connection to a removed node is open; the three end phases stay.
 */

export type ReloadState =
  | { readonly phase: 'awaiting' }
  | { readonly phase: 'applied' }
  | { readonly phase: 'draining'; readonly processes: number; readonly sockets: number }
  | { readonly phase: 'quiesced' }
  | { readonly phase: 'rejected'; readonly reason: string; readonly mayStillLoad: boolean }
  | { readonly phase: 'unproven'; readonly processes: number; readonly sockets: number };

export type ReloadEvent =
  /** One look: does a new worker answer as the new generation and no old one accept, how many old workers live, which sockets are open. */
  | {
      readonly type: 'observed';
      readonly isAnswering: boolean;
      readonly processes: number;
      readonly sockets: number;
      readonly emergency: string | undefined;
    }
  | { readonly type: 'deadlinePassed' };

export interface ReportProgress {
  readonly type: 'report';
  readonly progress: EdgeProgress;
}

type Next = Transition<ReloadState, ReportProgress>;

const report = (progress: EdgeProgress): ReportProgress => ({ type: 'report', progress });

/** The next state of a reload's proof. */
export function stepReload(state: ReloadState, event: ReloadEvent): Next {
  switch (state.phase) {
    case 'awaiting':
      return stepAwaiting(state, event);
    case 'applied':
    case 'draining':
      return stepDraining(state, event);
    case 'quiesced':
    case 'rejected':
    case 'unproven':
      return { state, effects: [] };
    default:
      return assertNever(state);
  }
}

function stepAwaiting(state: ReloadState, event: ReloadEvent): Next {
  if (event.type === 'deadlinePassed') {
    const reason = 'the new configuration did not answer before the deadline';
    return { state: { phase: 'rejected', reason, mayStillLoad: true }, effects: [] };
  }
  if (event.isAnswering) {
    return { state: { phase: 'applied' }, effects: [report({ state: 'applied' })] };
  }
  if (event.emergency === undefined) return { state, effects: [] };
  return { state: { phase: 'rejected', reason: event.emergency, mayStillLoad: false }, effects: [] };
}

type Draining = ReloadState & { readonly phase: 'applied' | 'draining' };

function stepDraining(state: Draining, event: ReloadEvent): Next {
  const seen = state.phase === 'draining' ? state : undefined;
  if (event.type === 'observed') return drain(event, seen?.processes);
  const left = { processes: seen?.processes ?? 0, sockets: seen?.sockets ?? 0 };
  return { state: { phase: 'unproven', ...left }, effects: [] };
}

function drain(event: ReloadEvent & { readonly type: 'observed' }, before: number | undefined): Next {
  const { processes, sockets } = event;
  if (processes === 0 && sockets === 0) {
    return { state: { phase: 'quiesced' }, effects: [report({ state: 'quiesced' })] };
  }
  const effects = processes === before ? [] : [report({ state: 'old_draining', processes })];
  return { state: { phase: 'draining', processes, sockets }, effects };
}
