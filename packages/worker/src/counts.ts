import { type Counts, shared } from './shared-state.ts';

/** Requests that this process has begun and not answered. */
export function inFlight(): number {
  let sum = 0;
  for (const member of shared.members) sum += member.inFlight;
  return sum;
}

/** Counts of everything that this process serves. */
export function counts(): Counts {
  let sum: Counts = { open: 0, idle: 0, sessions: 0, inFlight: 0, answered: 0 };
  for (const member of shared.members) {
    const one = member.counts();
    sum = {
      open: sum.open + one.open,
      idle: sum.idle + one.idle,
      sessions: sum.sessions + one.sessions,
      inFlight: sum.inFlight + one.inFlight,
      answered: sum.answered + one.answered,
    };
  }
  return sum;
}
