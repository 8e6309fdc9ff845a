import { setTimeout as delay } from 'node:timers/promises';
import { LameduckError } from '@lameduck/core';
import type { EdgeProgress } from '../../ports/edge.ts';
import type { ProcessIdentity } from '../../ports/node-runner.ts';
import { findLiving } from '../../processes/identity.ts';
import {
  formatGateState,
  type GatePause,
  type GateState,
  type Ramp,
  risingRamps,
  withOut,
  withPause,
  withRamps,
  withWeights,
} from './gate-state.ts';
import { lookAtMaster, type Opened, unproven, writeSeed } from './opened.ts';

const lookMs = 25;
/** Most time for the gate to answer with a change. */
export const gateTimeoutMs = 10_000;

/** What a change is to begin besides. */
export interface GateBeginnings {
  readonly ramps?: ReadonlyMap<string, Ramp>;
  /** A pause to begin, or the end of it; missing where it is to stay as it is. */
  readonly pause?: GatePause | 'none';
  /** All weights that are not as configured; missing where they are to stay as they are. */
  readonly weights?: ReadonlyMap<string, number>;
}

/**
 * Makes exactly these nodes out: the include first (the durable truth; its seed is read at the next start), then
 * the shared dict, then read back. Resolves with the epoch that answered. On failure both are as before. Weights that
 * rise go on to do so; those of `ramps` begin. A pause goes on unless another is wanted.
 */
export async function changeGate(
  opened: Opened,
  out: Iterable<string>,
  signal: AbortSignal,
  { ramps = new Map(), pause, weights }: GateBeginnings = {},
): Promise<number> {
  const live = (await opened.client.readGate(signal)).state;
  const disk = opened.spec.state;
  const rising = new Map([...risingRamps(live, Date.now()), ...ramps]);
  const wantedPause = pause === 'none' ? undefined : (pause ?? live.pause);
  const placed = withPause(withRamps(withOut(live, out), rising), wantedPause);
  const wanted = weights === undefined ? placed : withWeights(placed, weights);
  if (formatGateState(wanted) === formatGateState(live) && formatGateState(live) === formatGateState(disk))
    return live.epoch;
  const epoch = Math.max(live.epoch, disk.epoch);
  const next = withEpoch(wanted, live, epoch + 1);
  const installed = await writeSeed(opened, next);
  try {
    await setAndReadBack(opened, next, signal);
  } catch (thrown) {
    await installed.undo();
    // Whether the dict took it is not known: put it back as it was, if it answers at all.
    const former = { ...live, epoch: next.epoch + 1 };
    await opened.client.setGate(former, AbortSignal.timeout(1_000)).catch(() => undefined);
    throw thrown;
  }
  return next.epoch;
}

function withEpoch(wanted: GateState, live: GateState, epoch: number): GateState {
  const out = new Map([...wanted.out.keys()].map((node) => [node, live.out.get(node) ?? epoch]));
  return { ...wanted, epoch, out };
}

async function setAndReadBack(opened: Opened, next: GateState, signal: AbortSignal): Promise<void> {
  await opened.client.setGate(next, signal);
  const answer = (await opened.client.readGate(signal)).state;
  if (formatGateState(answer) === formatGateState(next)) return;
  const message = `Cannot gate edge "${opened.edge}": its shared dict must answer ${formatGateState(next)}: current value is ${formatGateState(answer)}`;
  throw new LameduckError('edgeUnproven', message, { edge: opened.edge });
}

/**
 * Resolves once no worker lives that does not obey the gate: after the first reload that brought the gate, or
 * after a restart by hand. At other times at once. Throws `edgeUnproven` at the deadline.
 */
export async function ungatedEnded(
  opened: Opened,
  report: (progress: EdgeProgress) => void,
  signal: AbortSignal,
): Promise<void> {
  let before = -1;
  for (;;) {
    const left = await listUngated(opened);
    if (left.length === 0) return;
    if (left.length !== before) report({ state: 'old_draining', processes: left.length });
    before = left.length;
    if (signal.aborted) {
      const got = `${left.length} of them serve (${left.map(({ pid }) => pid).join(' ')})`;
      throw unproven(opened.edge, 'nginx workers from before the gate must end', got, signal.reason);
    }
    await delay(lookMs, undefined, { signal }).catch(() => undefined);
  }
}

async function listUngated(opened: Opened): Promise<readonly ProcessIdentity[]> {
  lookAtMaster(opened);
  if (opened.ungated.length === 0) return [];
  // A worker that notes itself in this dict obeys it.
  const { counters } = await opened.client.readGate(AbortSignal.timeout(2_000));
  opened.ungated = opened.ungated.filter(
    (worker) => findLiving(worker) !== undefined && !counters.has(`w:${worker.pid}`),
  );
  return opened.ungated;
}
