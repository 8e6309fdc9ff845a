import { shared } from './shared-state.ts';

/** What a worker knows of itself, and what its `startup` leaves for the handlers and for its `shutdown`. */
export interface WorkerContext<State extends object = Record<string, unknown>> {
  /** Number of the worker at its master, from 1, never used twice; 0 without a master. */
  readonly id: number;
  /** Counts the reloads of the master, from 1; 0 without a master. */
  readonly generation: number;
  /** The application's own: empty at the start. */
  readonly state: State;
}

/** The context of this process; always the same object, the one that `startup` and `shutdown` are called with. */
export function workerContext<State extends object = Record<string, unknown>>(): WorkerContext<State> {
  return shared.context as WorkerContext<State>;
}
