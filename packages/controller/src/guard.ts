import { type Config, explainDown, formatMs, guardRemoval } from '@lameduck/core';
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

/** What one that does not serve is missing for, and since when. */
function holderOf(record: NodeRecord, clock: Clock): readonly string[] {
  const { config, operation, out, takenOut, shown, reason } = record;
  const { isInRotation, isHealthy } = availability(record);
  const now = clock.now();
  if (operation !== undefined) return [`node "${config.name}" is held by ${describeHeld(operation, now)}`];
  if (isInRotation && isHealthy) return [];
  const isTaken = out.has('operator') || (out.has('stopped') && takenOut !== undefined);
  if (!isTaken) {
    const why = reason ?? (record.health.verdict === 'down' ? explainDown(record.health, now) : undefined);
    const told = why === undefined ? '' : `: ${why}`;
    return [`node "${config.name}" is ${shown.state}, for ${formatMs(now - shown.since)}${told}`];
  }
  const done = out.has('stopped') ? 'stopped' : 'drained';
  if (takenOut === undefined) return [`node "${config.name}" is ${done}, by somebody before this controller`];
  const who = takenOut.by === undefined ? '' : ` by ${takenOut.by}`;
  const ago = Math.max(0, Date.parse(clock.timestamp()) - takenOut.atMs);
  return [`node "${config.name}" is ${done}${who}, for ${formatMs(ago)}`];
}

/** `"restart" of anna (pid 4711), for 3.2 s, at drain`. */
export function describeHeld({ kind, by, beganAt, phase }: HeldOperation, now: number): string {
  return `"${kind}"${by === undefined ? '' : ` of ${by}`}, for ${formatMs(now - beganAt)}, at ${phase}`;
}
