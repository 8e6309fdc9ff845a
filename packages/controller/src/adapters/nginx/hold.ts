import { LameduckError } from '@lameduck/core';
import type { EdgePause } from '../../ports/edge.ts';
import { changeGate, gateTimeoutMs, ungatedEnded } from './gate-change.ts';
import { countHeld } from './in-flight.ts';
import { type Opened, requireMaster } from './opened.ts';
import { refuseUpgrade } from './reload-change.ts';
import { safeName } from './text-safety.ts';

/** Whether the configuration that `nginx -T` shows lets requests of the service wait (docs/pause.md has the lines). */
export function callsHold(dump: string, service: string): boolean {
  const name = safeName(service);
  const call = new RegExp(`package\\.loaded\\[["']lameduck\\.${name}["']\\][^}]*\\.hold\\(\\)`);
  return call.test(dump.replace(/^\s*#.*$/gm, ''));
}

/** Lets all requests wait; resolves when no worker of the edge sends one on. A pause that is on keeps its beginning. */
export async function pauseEdge(opened: Opened, holdMs: number, signal: AbortSignal): Promise<void> {
  requireHold(opened);
  requireMaster(opened);
  refuseUpgrade(opened);
  const former = opened.spec.state.pause;
  const pause = { beganAt: former?.beganAt ?? Date.now(), holdMs: Math.round(holdMs) };
  const out = [...opened.spec.state.out.keys()];
  const within = (): AbortSignal => AbortSignal.any([signal, AbortSignal.timeout(gateTimeoutMs)]);
  await changeGate(opened, out, within(), { pause });
  try {
    await ungatedEnded(opened, () => undefined, signal);
  } catch (thrown) {
    await changeGate(opened, out, AbortSignal.timeout(gateTimeoutMs), { pause: former ?? 'none' });
    throw thrown;
  }
}

/** Sends requests on again, those that wait first. */
export async function resumeEdge(opened: Opened, signal: AbortSignal): Promise<void> {
  if (opened.plan.mode === 'reload') return;
  requireMaster(opened);
  // the old binary and the new one have each a dict of their own
  refuseUpgrade(opened);
  const within = AbortSignal.any([signal, AbortSignal.timeout(gateTimeoutMs)]);
  await changeGate(opened, opened.spec.state.out.keys(), within, { pause: 'none' });
}

/** The pause of an edge and how many requests wait, for `status`; nothing where there is neither. */
export async function pauseStatus(
  opened: Opened,
  signal: AbortSignal,
): Promise<{ readonly paused?: EdgePause; readonly held?: number }> {
  const { state } = opened.spec;
  const mayHold = opened.canHold && (state.pause !== undefined || state.out.size > 0);
  if (!mayHold) return {};
  const held = countHeld(await opened.client.recentGate(signal));
  const paused = state.pause === undefined ? {} : { paused: toStatus(state.pause) };
  return { ...paused, ...(held > 0 || state.pause !== undefined ? { held } : {}) };
}

function toStatus({ beganAt, holdMs }: { beganAt: number; holdMs: number }): EdgePause {
  return { sinceMs: beganAt, holdMs };
}

function requireHold({ canHold, edge, plan }: Opened): void {
  if (canHold) return;
  const [wanted, got] =
    plan.mode === 'reload'
      ? ['its nginx must have the gate, so that requests can wait', 'mode reload']
      : [
          "a location of its nginx must call the gate's hold, so that requests can wait (docs/pause.md)",
          'no such location',
        ];
  const message = `Cannot pause edge "${edge}": ${wanted}: current value is ${got}`;
  throw new LameduckError('edgeRejected', message, { edge, mode: plan.mode });
}
