/** A pure transition: the next state and what the shell must do, as data. */
export interface Transition<State, Effect> {
  readonly state: State;
  readonly effects: readonly Effect[];
}

/** A state machine: same state and same event always give the same transition. */
export type Step<State, Event, Effect> = (state: State, event: Event) => Transition<State, Effect>;

/** What runs a machine: `send` queues an event, `state` is what the last handled event left behind. */
export interface Machine<State, Event> {
  readonly state: State;
  send(event: Event): void;
}

/**
 * Holds the state of one machine: a mailbox, one event at a time, effects in order. `perform` must not throw;
 * an effect that fails reports it as an event. `observe` sees each handled event with both states.
 */
export function runMachine<State, Event, Effect>(
  step: Step<State, Event, Effect>,
  initial: State,
  perform: (effect: Effect, send: (event: Event) => void) => void,
  observe?: (event: Event, from: State, to: State) => void,
): Machine<State, Event> {
  let state = initial;
  let isHandling = false;
  const mailbox: Event[] = [];

  function handle(event: Event): void {
    const from = state;
    const next = step(from, event);
    state = next.state;
    observe?.(event, from, state);
    for (const effect of next.effects) perform(effect, send);
  }

  function send(event: Event): void {
    mailbox.push(event);
    if (isHandling) return;
    isHandling = true;
    try {
      for (let head = mailbox.shift(); head !== undefined; head = mailbox.shift()) handle(head);
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
