import { setTimeout as delay } from 'node:timers/promises';
import { LameduckError } from '@lameduck/core';
import type { EdgeProgress } from '../../ports/edge.ts';
import type { ProcessIdentity } from '../../ports/node-runner.ts';
import { findLiving } from '../../processes/identity.ts';
import { signalProcess } from '../../processes/kill.ts';
import { askReload, findControlApi } from './control-api.ts';
import { type ErrorLogTail, markErrorLog } from './error-log.ts';
import { rejected } from './install.ts';
import { describeUpgrade, isIdle, isShuttingDown, listWorkers } from './master.ts';
import { notRunning, type Opened, requireMaster, unproven, writeSpec } from './opened.ts';
import { type ReloadEvent, type ReloadState, stepReload } from './reload-proof.ts';
import type { IncludeSpec } from './render-include.ts';
import { refusalLine } from './run-nginx.ts';
import { countSockets } from './sockets.ts';

const lookMs = 10;

/** A reload whose new configuration answers. Workers of the one before may still serve. */
export interface Reload {
  readonly old: readonly ProcessIdentity[];
  readonly state: ReloadState;
}

/** Refuses while a binary upgrade is under way. Throws `edgeRejected`. */
export function refuseUpgrade(opened: Opened): void {
  const upgrade = describeUpgrade(opened.pidFile);
  if (upgrade !== undefined) throw rejected(opened.edge, upgrade);
}

/**
 * Writes, tests and loads a configuration; resolves when a worker that is not old answers as its generation.
 * Where nginx does not load it the file is rolled back: `edgeRejected`.
 */
export async function reload(
  opened: Opened,
  spec: IncludeSpec,
  applyTimeoutMs: number,
  report: (progress: EdgeProgress) => void,
): Promise<Reload> {
  refuseUpgrade(opened);
  await idle(opened, applyTimeoutMs);
  const installed = await writeSpec(opened, spec);
  const result = await loadWritten(opened, applyTimeoutMs, report).catch(async (thrown: unknown) => {
    await installed.undo();
    throw thrown;
  });
  if (result.state.phase !== 'rejected') return result;
  await installed.undo();
  // A late HUP would load what is on disk by then; one more makes sure that this is the file of before.
  const master = requireMaster(opened);
  if (result.state.mayStillLoad) signalProcess(master, 'SIGHUP');
  throw rejected(opened.edge, result.state.reason);
}

/** Loads a configuration with this state; without a reload where it has been loaded already. */
export async function loadState(
  opened: Opened,
  { state, draining }: Pick<IncludeSpec, 'state'> & { readonly draining: readonly string[] },
  applyTimeoutMs: number,
  report: (progress: EdgeProgress) => void,
): Promise<Reload> {
  const { spec } = opened;
  const isSame = state === spec.state && draining.join() === (spec.draining ?? []).join();
  const marker = await opened.client.marker(AbortSignal.timeout(2_000));
  if (isSame && marker?.generation === spec.generation) {
    report({ state: 'applied' });
    return { old: lingeringWorkers(opened), state: { phase: 'applied' } };
  }
  const next = { ...spec, state, draining, generation: spec.generation + 1 };
  return await reload(opened, next, applyTimeoutMs, report);
}

/** Waits until no other reload is under way: its failure would be taken for ours. */
async function idle(opened: Opened, timeoutMs: number): Promise<void> {
  const master = requireMaster(opened);
  const deadline = AbortSignal.timeout(timeoutMs);
  while (!isIdle(master)) {
    if (deadline.aborted) {
      const message = `Cannot change edge "${opened.edge}": the nginx master ${master.pid} must be free within ${timeoutMs} ms: current value is busy with another reload, or frozen`;
      throw new LameduckError('edgeUnproven', message, { edge: opened.edge, pid: master.pid });
    }
    await delay(lookMs, undefined, { signal: deadline }).catch(() => undefined);
  }
}

/** Has nginx load what is on disk already, and watches until it answers or is rejected. */
export async function loadWritten(
  opened: Opened,
  applyTimeoutMs: number,
  report: (progress: EdgeProgress) => void,
): Promise<Reload> {
  await idle(opened, applyTimeoutMs);
  const master = requireMaster(opened);
  const old = listWorkers(master);
  const log = await markErrorLog(opened.errorLog);
  const deadline = AbortSignal.timeout(applyTimeoutMs);
  const told = await tellMaster(opened, master, log, deadline);
  const from: ReloadState = { phase: 'awaiting', isLoaded: false };
  const { state } = told === undefined ? { state: from } : stepReload(from, told);
  if (state.phase === 'rejected') return { old, state };
  const isDone = (at: ReloadState): boolean => at.phase !== 'awaiting';
  return { old, state: await watch(opened, { old, log, removed: [] }, state, report, { isDone, deadline }) };
}

/** Asks the Control API of this master, or sends HUP where it has none that works; gives what nginx has said, if anything. */
async function tellMaster(
  opened: Opened,
  master: ProcessIdentity,
  log: ErrorLogTail,
  deadline: AbortSignal,
): Promise<ReloadEvent | undefined> {
  const api = await findControlApi(master);
  const answer = api === undefined ? undefined : await askReload(api, deadline);
  switch (answer?.type) {
    case 'loaded':
      return { type: 'loaded' };
    case 'refused':
      return { type: 'refused', reason: await refusalReason(answer.logs, log) };
    case 'unanswered':
      return undefined;
    default:
      if (!signalProcess(master, 'SIGHUP')) throw notRunning(opened.edge, opened.pidFile);
      return undefined;
  }
}

/** Of what it finds in the configuration nginx tells in its answer; why it could not listen, in its error log alone. */
async function refusalReason(logs: string, log: ErrorLogTail): Promise<string> {
  const line = refusalLine(logs);
  return line.includes('[emerg]') ? line : ((await log.emergency()) ?? line);
}

/** The workers of configurations before that still live. */
export function lingeringWorkers(opened: Opened): readonly ProcessIdentity[] {
  return listWorkers(requireMaster(opened)).filter(isShuttingDown);
}

/** Resolves once no old worker lives and no connection to a removed node is open. Throws `edgeUnproven`. */
export async function quiesced(
  opened: Opened,
  from: Reload,
  removed: readonly string[],
  report: (progress: EdgeProgress) => void,
  deadline: AbortSignal,
): Promise<void> {
  const log = await markErrorLog(undefined);
  const state = await watch(opened, { old: from.old, log, removed }, from.state, report, {
    isDone: ({ phase }) => phase === 'quiesced' || phase === 'unproven',
    deadline,
  });
  if (state.phase === 'quiesced') return;
  throw unproven(opened.edge, 'every old nginx worker must end', whatIsLeft(state), deadline.reason);
}

function whatIsLeft(state: ReloadState): string {
  if (state.phase !== 'unproven') return state.phase;
  // connections are looked at only once the old workers are gone
  if (state.processes > 0) return `${state.processes} old workers still serve`;
  return `${state.sockets} connections to the node are open`;
}

interface Watched {
  readonly old: readonly ProcessIdentity[];
  readonly log: ErrorLogTail;
  readonly removed: readonly string[];
}

interface Until {
  readonly isDone: (state: ReloadState) => boolean;
  readonly deadline: AbortSignal;
}

async function watch(
  opened: Opened,
  watched: Watched,
  from: ReloadState,
  report: (progress: EdgeProgress) => void,
  { isDone, deadline }: Until,
): Promise<ReloadState> {
  let state = from;
  for (;;) {
    const event: ReloadEvent = deadline.aborted
      ? { type: 'deadlinePassed' }
      : await look(opened, watched, state);
    const next = stepReload(state, event);
    state = next.state;
    for (const { progress } of next.effects) report(progress);
    if (isDone(state)) return state;
    await delay(lookMs, undefined, { signal: deadline }).catch(() => undefined);
  }
}

async function look(opened: Opened, watched: Watched, state: ReloadState): Promise<ReloadEvent> {
  const isAwaiting = state.phase === 'awaiting';
  // A bind is tried again for 2.5 s: a line in the log is the end only once the master waits again.
  const isOver = isAwaiting && opened.master !== undefined && isIdle(opened.master);
  const marker = isAwaiting ? await opened.client.marker(AbortSignal.timeout(2_000)) : undefined;
  const living = watched.old.filter((worker) => findLiving(worker) !== undefined);
  // For 100 ms nginx lets both generations accept: only then does every new connection get the new configuration.
  const isNew = marker !== undefined && !watched.old.some(({ pid }) => pid === marker.pid);
  const isAlone = isNew && living.every(isShuttingDown);
  return {
    type: 'observed',
    isAnswering: isAlone && marker.generation === opened.spec.generation,
    processes: living.length,
    // Reading every connection of the machine is dear: only once it can be the last thing to wait for.
    sockets: living.length > 0 ? 0 : countNodeSockets(opened, watched),
    emergency: isOver ? await watched.log.emergency() : undefined,
  };
}

function countNodeSockets(opened: Opened, { removed }: Watched): number {
  if (removed.length === 0) return 0;
  const master = requireMaster(opened);
  const pids = [master, ...listWorkers(master)].map(({ pid }) => pid);
  const nodes = opened.spec.nodes.filter(({ name }) => removed.includes(name));
  return nodes.reduce((sum, { address }) => sum + (countSockets(pids, address) ?? 0), 0);
}
