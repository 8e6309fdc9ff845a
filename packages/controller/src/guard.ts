import { type Config, formatMs, guardRemoval } from '@lameduck/core';
import { availability, type HeldOperation, type NodeRecord } from './node-record.ts';
import type { Clock } from './ports/clock.ts';

export type GuardVerdict = { readonly allowed: true } | { readonly allowed: false; readonly reason: string };

/** Whether these nodes may be taken out as things are now; reserves nothing. */
export function askGuard(
  config: Config,
  records: readonly NodeRecord[],
  names: readonly string[],
): GuardVerdict {
  return guardRemoval(records.map(availability), names, config.availability.minAvailable);
}

/** A refusal with who has taken the others out: what an operator must know to wait or to ask. */
export function withHolders(
  verdict: GuardVerdict,
  records: readonly NodeRecord[],
  names: readonly string[],
  clock: Clock,
): GuardVerdict {
  if (verdict.allowed) return verdict;
  const others = records.filter(({ config }) => !names.includes(config.name));
  const held = others.flatMap((record) => holderOf(record, clock));
  return held.length === 0 ? verdict : { allowed: false, reason: `${verdict.reason}; ${held.join('; ')}` };
}

function holderOf({ config, operation, out }: NodeRecord, clock: Clock): readonly string[] {
  if (operation !== undefined)
    return [`node "${config.name}" is held by ${describeHeld(operation, clock.now())}`];
  if (out.has('stopped')) return [`node "${config.name}" is stopped`];
  return out.has('operator') ? [`node "${config.name}" is drained`] : [];
}

/** `"restart" of anna (pid 4711), for 3.2 s, at drain`. */
export function describeHeld({ kind, by, beganAt, phase }: HeldOperation, now: number): string {
  return `"${kind}"${by === undefined ? '' : ` of ${by}`}, for ${formatMs(now - beganAt)}, at ${phase}`;
}
