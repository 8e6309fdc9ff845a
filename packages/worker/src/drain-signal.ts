import { shared } from './shared-state.ts';

/**
 * Aborted once, when this process starts to drain: end streams and close WebSockets then. Requests that are
 * already being answered should be finished; they have the whole grace period.
 */
export const drainSignal: AbortSignal = shared.drain.signal;
