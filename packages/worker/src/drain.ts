/*
 * The life of one served application, as a pure machine.
 *
 *   starting ──ready──► serving ──terminate──► lameDuck ──lameDuckExpired──► draining ──emptied──► stopping ──► exited
 *      │                   │                      │        (left out when       │                     ▲
 *      │                   └──quit, or no lameDuckMs────────lameDuckMs is 0)──► │                     │
 *      │                                          └──graceExpired──► aborting ◄─┘ graceExpired        │
 *      │                                                                └──────────aborted────────────┘
 *      └──terminate, quit──► exited
 *
 * serving   everything is accepted and answered
 * lameDuck  readiness fails and answers ask the client to leave, yet new connections are still accepted; `bounce`
 *           leads here too, until `released` or its time is over: promised requests are then sent back unrun
 * draining  nothing new is accepted; every connection that is open is served; idle ones get `lingerMs` from the
 *           moment they became idle, so that the peer closes first; half-sent headers get `headerMs`; WebSockets
 *           and HTTP/2 sessions are told to leave, and what the WebSockets and event streams have not ended after
 *           `sessionMs` is ended for them
 *           with siblings that stay (`replaced`), idle connections are handed over to them instead of closed, and
 *           no answer asks the client to leave, until a hand-off is refused
 * aborting  the grace period has passed: what is left is being named and cut
 * stopping  no connection is left: the shutdown hooks of the application run, with what is left of the grace period and
 *           their own budget behind it; after an abort with their own budget alone
 *
 * Invariants (each one is a property test):
 * 1. accepting stops once, never before the drain is announced, and always before anything is closed or cut
 * 2. nothing is cut unless the grace period has passed; sessions have their own, after they were told
 * 3. the shutdown hooks run exactly once in every history that exits after having been ready
 * 4. an exit happens at most once, and nothing happens after it
 * 5. the exit code is 0 only if nothing was aborted and the hooks ended well; hooks that are cut are told
 * 6. lameDuck, draining and stopping each have a timer that ends them (stopping: that of the grace period, until it is
 *    over); aborting ends in the next turn of the loop
 * 7. the linger time never grows
 * 8. connections are handed over only between `startHandOff` and `endHandOff`, and not after a quit or a refusal
 */
import {
  hurried,
  quickGraceMs,
  startTimer,
  stay,
  stepAborting,
  stepStopping,
  toExited,
  toStopping,
} from './drain-end.ts';
import type {
  DrainBudgets,
  DrainEffect,
  DrainEvent,
  DrainPlan,
  DrainState,
  DrainTimer,
  DrainTransition,
  WithBudgets,
  WithCut,
} from './drain-state.ts';

/** How often idle connections and half-sent headers are looked at, beside after each response. */
export const sweepMs = 50;

/** The state before the application listens. */
export function startDrain(budgets: DrainBudgets): DrainState {
  return { phase: 'starting', budgets: { ...budgets, handOff: false } };
}

/** The one transition function; see the head of the file. */
export function stepDrain(state: DrainState, event: DrainEvent): DrainTransition {
  switch (state.phase) {
    case 'starting':
      return stepStarting(state, event);
    case 'serving':
      return stepServing(state, event);
    case 'lameDuck':
      return stepLameDuck(state, event);
    case 'draining':
      return stepDraining(state, event);
    case 'aborting':
      return stepAborting(state, event);
    case 'stopping':
      return stepStopping(state, event);
    case 'exited':
      return stay(state);
  }
}

function stepStarting(state: WithBudgets<'starting'>, event: DrainEvent): DrainTransition {
  switch (event.type) {
    case 'ready':
      return { state: { phase: 'serving', budgets: state.budgets }, effects: [{ type: 'announceReady' }] };
    case 'terminate':
    case 'quit':
      // Nothing was ever accepted, and half-started hooks cannot be shut down in any defined way.
      return toExited([], 0);
    case 'graceShortened':
      return stay({ phase: 'starting', budgets: withGrace(state.budgets, event.graceMs) });
    case 'lingerShortened':
      return stay({ phase: 'starting', budgets: withLinger(state.budgets, event.lingerMs) });
    default:
      return stay(state);
  }
}

function stepServing(state: WithBudgets<'serving'>, event: DrainEvent): DrainTransition {
  const { budgets } = state;
  switch (event.type) {
    case 'terminate':
      return budgets.lameDuckMs > 0 ? toLameDuck(budgets) : toDraining(budgets, announceLeave(budgets));
    case 'bounce':
      return toBouncing(budgets, event.ms);
    case 'quit':
      return toDraining(hurried(budgets), announceDrain(Math.min(quickGraceMs(budgets), budgets.graceMs)));
    case 'graceShortened':
      return stay({ phase: 'serving', budgets: withGrace(budgets, event.graceMs) });
    case 'lingerShortened':
      return stay({ phase: 'serving', budgets: withLinger(budgets, event.lingerMs) });
    case 'replaced':
      return stay({ phase: 'serving', budgets: { ...budgets, lameDuckMs: 0, handOff: true } });
    case 'handOffRefused':
      return stay({ phase: 'serving', budgets: { ...budgets, handOff: false } });
    default:
      return stay(state);
  }
}

function stepLameDuck(state: WithBudgets<'lameDuck'>, event: DrainEvent): DrainTransition {
  const { budgets } = state;
  switch (event.type) {
    case 'quit':
      return toDraining(hurried(budgets), [startTimer('grace', quickGraceMs(budgets))]);
    case 'released':
      return toDraining(budgets, []);
    case 'bounce':
      return { state, effects: [{ type: 'startBouncing' }] };
    case 'graceShortened':
      return { state, effects: [startTimer('grace', Math.min(budgets.graceMs, event.graceMs))] };
    case 'lingerShortened':
      return stay({ phase: 'lameDuck', budgets: withLinger(budgets, event.lingerMs) });
    case 'timerExpired':
      if (event.timer === 'lameDuck') return toDraining(budgets, []);
      return event.timer === 'grace' ? toAborting(budgets, [], [{ type: 'stopAccepting' }]) : stay(state);
    case 'replaced':
      return toDraining({ ...budgets, handOff: true }, [{ type: 'startHandOff' }]);
    default:
      return stay(state);
  }
}

function stepDraining(state: WithCut<'draining'>, event: DrainEvent): DrainTransition {
  const { budgets } = state;
  switch (event.type) {
    case 'emptied':
      return toStopping(budgets, state.cut);
    case 'sessionsCut':
      return stay({ ...state, cut: [...state.cut, ...event.names] });
    case 'settled':
      return { state, effects: [{ ...closeIdle(budgets), type: 'closeSettled' }] };
    case 'bounce':
      // It was told to leave before (a signal to the whole group).
      return { state, effects: [{ type: 'startBouncing' }] };
    case 'quit':
      return closeSooner(state, hurried(budgets), [
        ...endHandOff(budgets),
        startTimer('grace', quickGraceMs(budgets)),
      ]);
    case 'replaced':
      if (budgets.handOff || budgets.lingerMs === 0) return stay(state);
      return closeSooner(state, { ...budgets, handOff: true }, [{ type: 'startHandOff' }]);
    case 'handOffRefused':
      return closeSooner(state, { ...budgets, handOff: false }, endHandOff(budgets));
    case 'graceShortened':
      return { state, effects: [startTimer('grace', Math.min(budgets.graceMs, event.graceMs))] };
    case 'lingerShortened':
      return closeSooner(state, withLinger(budgets, event.lingerMs), []);
    case 'timerExpired':
      return onDrainingTimer(state, event.timer);
    default:
      return stay(state);
  }
}

function onDrainingTimer(state: WithCut<'draining'>, timer: DrainTimer): DrainTransition {
  const { budgets } = state;
  if (timer === 'grace') return toAborting(budgets, state.cut, []);
  if (timer === 'session') return { state, effects: [{ type: 'cutSessions' }] };
  if (timer !== 'sweep') return stay(state);
  return { state, effects: [closeIdle(budgets), startTimer('sweep', sweepMs)] };
}

function toLameDuck(budgets: DrainPlan): DrainTransition {
  return {
    state: { phase: 'lameDuck', budgets },
    effects: [...announceDrain(budgets.graceMs), startTimer('lameDuck', budgets.lameDuckMs)],
  };
}

/** No siblings stay when the whole node leaves. */
function toBouncing(plan: DrainPlan, ms: number): DrainTransition {
  const budgets = { ...plan, handOff: false };
  return {
    state: { phase: 'lameDuck', budgets },
    effects: [
      ...announceDrain(budgets.graceMs),
      { type: 'startBouncing' },
      startTimer('lameDuck', Math.min(ms, budgets.graceMs)),
    ],
  };
}

function toDraining(budgets: DrainPlan, before: readonly DrainEffect[]): DrainTransition {
  return {
    state: { phase: 'draining', budgets, cut: [] },
    effects: [
      ...before,
      { type: 'stopAccepting' },
      { type: 'tellSessions' },
      startTimer('session', budgets.sessionMs),
      closeIdle(budgets),
      startTimer('sweep', sweepMs),
    ],
  };
}

function closeSooner(
  state: WithCut<'draining'>,
  budgets: DrainPlan,
  before: readonly DrainEffect[],
): DrainTransition {
  return { state: { ...state, budgets }, effects: [...before, closeIdle(budgets)] };
}

function toAborting(
  budgets: DrainPlan,
  cut: readonly string[],
  before: readonly DrainEffect[],
): DrainTransition {
  return { state: { phase: 'aborting', budgets, cut }, effects: [...before, { type: 'abortRemaining' }] };
}

function announceDrain(graceMs: number): readonly DrainEffect[] {
  return [{ type: 'announceDrain' }, startTimer('grace', graceMs)];
}

/** First who takes over: it decides what the announcement does to the answers. */
function announceLeave({ handOff, graceMs }: DrainPlan): readonly DrainEffect[] {
  return [...(handOff ? [{ type: 'startHandOff' } as const] : []), ...announceDrain(graceMs)];
}

function endHandOff({ handOff }: DrainPlan): readonly DrainEffect[] {
  return handOff ? [{ type: 'endHandOff' }] : [];
}

function withLinger(budgets: DrainPlan, lingerMs: number): DrainPlan {
  return { ...budgets, lingerMs: Math.min(budgets.lingerMs, lingerMs) };
}

function withGrace(budgets: DrainPlan, graceMs: number): DrainPlan {
  return { ...budgets, graceMs: Math.min(budgets.graceMs, graceMs) };
}

function closeIdle({ lingerMs, headerMs }: DrainPlan): Extract<DrainEffect, { type: 'closeIdle' }> {
  return { type: 'closeIdle', lingerMs, headerMs };
}
