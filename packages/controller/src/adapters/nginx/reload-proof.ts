import { assertNever, type Transition } from '@lameduck/core';
import type { EdgeProgress } from '../../ports/edge.ts';

/*
 * How a reload is believed. nginx never tells whether a HUP worked: it is observed from outside.
 *
 *   awaiting ──marker of the generation, and no old worker accepts──▶ applied ──▶ draining(n) ──▶ quiesced
 *      │                                                                   └────┬───────┘
 *      └──[emerg] in the error log, refused, or deadline──▶ rejected            └──deadline──▶ unproven
 *
 * nginx's Control API tells whether it has `loaded` or `refused` a configuration. Only the second is an end: loaded is not
 * yet served, and says nothing of the workers before. That the API calls a process `exiting` means that the master has
 * told it so; the title in /proc, that the worker has stopped accepting.
 *
 * Invariants: `applied` is never reported without the marker; `quiesced` never while an old worker lives or a
 * connection to a removed node is open; what was `loaded` is rejected only as one that `mayStillLoad`; the three end
 * phases stay.
 */

export type ReloadState =
  /** `isLoaded`: nginx said so. */
  | { readonly phase: 'awaiting'; readonly isLoaded: boolean }
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
  /** By the Control API: the master has the new configuration, or goes on with the one before. */
  | { readonly type: 'loaded' }
  | { readonly type: 'refused'; readonly reason: string }
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

type Awaiting = ReloadState & { readonly phase: 'awaiting' };

function stepAwaiting(state: Awaiting, event: ReloadEvent): Next {
  switch (event.type) {
    case 'loaded':
      return { state: { phase: 'awaiting', isLoaded: true }, effects: [] };
    case 'refused':
      return reject(event.reason, state.isLoaded);
    case 'deadlinePassed':
      return reject('the new configuration did not answer before the deadline', true);
    case 'observed':
      if (event.isAnswering) return { state: { phase: 'applied' }, effects: [report({ state: 'applied' })] };
      // of what is loaded it is a new worker that complains
      return event.emergency === undefined ? { state, effects: [] } : reject(event.emergency, state.isLoaded);
    default:
      return assertNever(event);
  }
}

function reject(reason: string, mayStillLoad: boolean): Next {
  return { state: { phase: 'rejected', reason, mayStillLoad }, effects: [] };
}

type Draining = ReloadState & { readonly phase: 'applied' | 'draining' };

function stepDraining(state: Draining, event: ReloadEvent): Next {
  const seen = state.phase === 'draining' ? state : undefined;
  switch (event.type) {
    case 'observed':
      return drain(event, seen?.processes);
    case 'deadlinePassed': {
      const left = { processes: seen?.processes ?? 0, sockets: seen?.sockets ?? 0 };
      return { state: { phase: 'unproven', ...left }, effects: [] };
    }
    case 'loaded':
    case 'refused':
      return { state, effects: [] };
    default:
      return assertNever(event);
  }
}

function drain(event: ReloadEvent & { readonly type: 'observed' }, before: number | undefined): Next {
  const { processes, sockets } = event;
  if (processes === 0 && sockets === 0) {
    return { state: { phase: 'quiesced' }, effects: [report({ state: 'quiesced' })] };
  }
  const effects = processes === before ? [] : [report({ state: 'old_draining', processes })];
  return { state: { phase: 'draining', processes, sockets }, effects };
}
