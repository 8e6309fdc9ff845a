import { performance } from 'node:perf_hooks';
import type { Clock } from '../../ports/clock.ts';

export const systemClock: Clock = {
  now: () => performance.now(),
  timestamp: () => new Date().toISOString(),
  random: () => Math.random(),
  schedule(ms, callback) {
    // Node's timers may fire up to a millisecond early: a deadline is never earlier than it was promised
    const timer = setTimeout(callback, Math.ceil(ms) + 1);
    return () => clearTimeout(timer);
  },
};
