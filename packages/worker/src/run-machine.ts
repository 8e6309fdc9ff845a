import type { Step } from '@lameduck/core';

/**
 * Holds the state of one machine: a mailbox, one event at a time, effects in order. The same as `runMachine` of
 * `@lameduck/core`, written again because this package goes into every application and has no dependency.
 */
export function runMachine<State, Event, Effect>(
  step: Step<State, Event, Effect>,
  initial: State,
  perform: (effect: Effect, send: (event: Event) => void) => void,
): { readonly state: State; send(event: Event): void } {
  const mailbox: Event[] = [];
  let state = initial;
  let isHandling = false;

  function send(event: Event): void {
    mailbox.push(event);
    if (isHandling) return;
    isHandling = true;
    try {
      for (let head = mailbox.shift(); head !== undefined; head = mailbox.shift()) {
        const next = step(state, head);
        state = next.state;
        for (const effect of next.effects) perform(effect, send);
      }
    } finally {
      isHandling = false;
    }
  }

  return {
    get state(): State {
      return state;
    },
    send,
  };
}
