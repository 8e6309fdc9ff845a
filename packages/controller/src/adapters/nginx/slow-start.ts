import type { EdgeNode } from '../../ports/edge.ts';
import type { GateState, Ramp } from './gate-state.ts';

/** Room for the clocks of nginx, which it reads once in each turn of its loop. */
const slackMs = 50;

/** The ramps that begin now: of nodes that were out, come back with this batch, and are to start slowly. */
export function beginRamps(
  nodes: readonly EdgeNode[],
  former: readonly string[],
  batch: readonly { readonly node: string; readonly isOut: boolean }[],
): ReadonlyMap<string, Ramp> {
  const beganAt = Date.now();
  const back = new Set(batch.filter(({ isOut }) => !isOut).map(({ node }) => node));
  const ramps = nodes.flatMap(({ name, slowStartMs = 0 }): [string, Ramp][] =>
    slowStartMs > 0 && back.has(name) && former.includes(name) ? [[name, { beganAt, ms: slowStartMs }]] : [],
  );
  return new Map(ramps);
}

/** Calls back once no ramp of the state rises any more; the function given back forgets it. */
export function afterRamps(state: GateState, callback: () => void): () => void {
  const ends = [...(state.ramps?.values() ?? [])].map(({ beganAt, ms }) => beganAt + ms);
  if (ends.length === 0) return () => undefined;
  const timer = setTimeout(callback, Math.max(0, Math.max(...ends) - Date.now()) + slackMs);
  timer.unref();
  return () => clearTimeout(timer);
}
