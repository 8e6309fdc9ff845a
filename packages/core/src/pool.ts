/**
 * The pool of workers of one master.
 *
 *     starting ──first worker ready──▶ ready ◀──all replaced, or failed── reloading
 *        │                              │ └───────reloadRequested──────────▶ │
 *        │ a worker failed              │ stopRequested                      │ stopRequested
 *        ▼                              ▼                                    ▼
 *     stopping ◀────────────────────────┴────────────────────────────────────┘
 *        └──no process left──▶ stopped (exit)
 *
 *     place:  waiting ──respawn──▶ booting ──ready──▶ ready ──▶ draining ──▶ gone
 *             ▲   a crash leaves a waiting place   │
 *             └────────────────────────────────────┘
 *
 * Invariants (each is a property test):
 * 1. `exit` is told at most once, and never while a process is left.
 * 2. A spawn fills a missing place, or keeps all processes within target + extraWorkers.
 * 3. Only places with a process are signalled; nothing is terminated twice.
 * 4. A failed reload signals no available worker. New workers that became available before the failure stay: they serve,
 *    and the capacity they took over cannot be given back, because what is on the disk now is what failed.
 * 5. In a reload no old worker is told to leave unless enough others are available to hold the target.
 * 6. Nothing is spawned once the stop has begun. A failure after the first success never stops the pool.
 * 7. Each reload ticket is answered exactly once.
 * 8. A worn worker leaves only when its replacement is ready; all processes stay within target + maxRecycling.
 * 9. No new place gets a process while `maxComing` places boot or wait for their next try.
 */
import { assertNever, exitCodes } from './errors.ts';
import { describeDelay, describeExit } from './pool-failure.ts';
import {
  addWaiting,
  boot,
  change,
  type Draft,
  fillPlaces,
  find,
  kill,
  minReadyMs,
  remove,
  retire,
  retireSurplus,
  spawnSome,
  startLeaving,
  startTimer,
  staying,
} from './pool-places.ts';
import { settleWorn } from './pool-recycling.ts';
import type {
  KillReason,
  PoolEffect,
  PoolEvent,
  PoolFailure,
  PoolState,
  PoolTimer,
  PoolWorker,
} from './pool-state.ts';
import { beginStop, countAborted, countKilled, settleStop, stop } from './pool-stop.ts';
import type { Transition } from './run-machine.ts';

/** One step of the pool: see the head of this file. */
export function stepPool(state: PoolState, event: PoolEvent): Transition<PoolState, PoolEffect> {
  const draft: Draft = { state, effects: [] };
  if (event.type === 'reloadRequested') requestReload(draft, event.ticket);
  if (state.phase !== 'stopped') {
    apply(draft, event);
    settle(draft);
  }
  return draft;
}

/** Brings the pool nearer to its target after any event. */
function settle(draft: Draft): void {
  const { state } = draft;
  if (state.phase === 'stopped') return;
  if (state.phase === 'stopping') {
    settleStop(draft);
    return;
  }
  if (state.phase === 'reloading') settleReload(draft, state.fresh);
  if (draft.state.phase !== 'reloading') {
    fillPlaces(draft, draft.state.generation);
    settleWorn(draft);
  }
  announce(draft);
  if (draft.state.phase !== 'ready' || draft.state.nextReload === undefined) return;
  beginReload(draft, draft.state.nextReload);
  settle(draft);
}

function announce(draft: Draft): void {
  const { isAnnounced, workers, target } = draft.state;
  if (isAnnounced || workers.filter((worker) => worker.state === 'ready').length < target) return;
  draft.state = { ...draft.state, isAnnounced: true };
  // scaled to no worker at all before one was ready: nothing is left to wait for
  if (draft.state.phase === 'starting') draft.state = { ...draft.state, phase: 'ready' };
  draft.effects.push({ type: 'announceReady' });
}

function apply(draft: Draft, event: PoolEvent): void {
  switch (event.type) {
    case 'startRequested':
    case 'reloadRequested':
      return;
    case 'scaleRequested':
      draft.state = { ...draft.state, target: Math.max(0, event.workers) };
      return;
    case 'stopRequested':
      stop(draft, event.mode, event.spentMs);
      return;
    case 'timerFired': {
      const worker = find(draft, event.timer.id);
      if (worker !== undefined) fire(draft, worker, event.timer);
      return;
    }
    default: {
      const worker = find(draft, event.id);
      if (worker !== undefined) hear(draft, worker, event);
    }
  }
}

type WorkerEvent = Extract<PoolEvent, { readonly id: number }>;

function hear(draft: Draft, worker: PoolWorker, event: WorkerEvent): void {
  switch (event.type) {
    case 'workerHeard':
      if (worker.state === 'booting')
        draft.effects.push({ type: 'cancelTimer', timer: { name: 'boot', id: worker.id } });
      if (worker.state === 'ready') startTimer(draft, worker, 'heartbeat');
      return;
    case 'workerStarting':
      change(draft, { ...worker, step: event.step });
      return;
    case 'workerReady':
      if (worker.state === 'booting') becomeReady(draft, worker);
      return;
    case 'workerFailed':
      change(draft, { ...worker, failure: event.message });
      return;
    case 'recycleRequested':
      if (worker.state === 'ready') change(draft, { ...worker, isWorn: true });
      return;
    case 'workerDraining':
      // Someone terminated it behind our back: not a crash, yet one that repeats itself must back off all the same.
      if (worker.state !== 'booting' && worker.state !== 'ready') return;
      startLeaving(draft, worker);
      replace(draft, worker, { code: 'startFailed', message: 'the worker left by itself' });
      return;
    case 'workerExited':
      remove(draft, worker);
      if (event.code === exitCodes.deadlinePassed) countAborted(draft);
      if (worker.state !== 'draining')
        crash(draft, worker, describeExit(worker, event, draft.state.settings));
      return;
    default:
      assertNever(event);
  }
}

function fire(draft: Draft, worker: PoolWorker, timer: PoolTimer): void {
  const { settings } = draft.state;
  const isBooting = worker.state === 'booting';
  switch (timer.name) {
    case 'respawn':
      if (worker.state === 'waiting') boot(draft, worker);
      return;
    case 'boot':
      if (isBooting) giveUpOn(draft, worker, 'bootExpired', describeDelay(worker, 'boot', settings));
      return;
    case 'ready':
      if (isBooting) giveUpOn(draft, worker, 'readyExpired', describeDelay(worker, 'ready', settings));
      return;
    case 'heartbeat': {
      const message = `the worker was silent for ${settings.heartbeatTimeoutMs} ms`;
      if (worker.state === 'ready') giveUpOn(draft, worker, 'silent', { code: 'startFailed', message });
      return;
    }
    case 'available':
      change(draft, { ...worker, isAvailable: true });
      return;
    case 'healthy':
      change(draft, { ...worker, crashes: 0 });
      return;
    case 'deadline':
      if (worker.state !== 'draining' || worker.isKilled) return;
      kill(draft, worker, 'deadlinePassed');
      countKilled(draft);
      return;
    default:
      assertNever(timer.name);
  }
}

function becomeReady(draft: Draft, worker: PoolWorker): void {
  const isAvailable = minReadyMs(draft.state) === 0;
  change(draft, { ...worker, state: 'ready', isAvailable });
  draft.effects.push({ type: 'cancelTimers', id: worker.id });
  if (!isAvailable) startTimer(draft, worker, 'available');
  startTimer(draft, worker, 'heartbeat');
  startTimer(draft, worker, 'healthy');
  if (draft.state.phase === 'starting') draft.state = { ...draft.state, phase: 'ready' };
}

function giveUpOn(draft: Draft, worker: PoolWorker, reason: KillReason, failure: PoolFailure): void {
  kill(draft, worker, reason);
  crash(draft, worker, failure);
}

function crash(draft: Draft, worker: PoolWorker, failure: PoolFailure): void {
  draft.state = { ...draft.state, crashes: draft.state.crashes + 1 };
  if (draft.state.phase === 'starting') beginStop(draft, 'quick', failure);
  else replace(draft, worker, failure);
}

/** The place of a worker that nobody asked to leave: waits for its next try, or ends the reload it belongs to. */
function replace(draft: Draft, worker: PoolWorker, failure: PoolFailure): void {
  const { state } = draft;
  if (state.phase === 'stopping' || state.phase === 'stopped') return;
  if (state.phase === 'reloading') {
    if (worker.generation === state.fresh) endReload(draft, failure.message);
    return;
  }
  addWaiting(draft, state.generation, worker.crashes + 1);
}

// --- Reload

function requestReload(draft: Draft, ticket: number | undefined): void {
  const { state } = draft;
  const tickets = ticket === undefined ? [] : [ticket];
  if (state.phase === 'stopping' || state.phase === 'stopped') {
    const outcome = { type: 'failed', message: 'the master is stopping' } as const;
    if (tickets.length > 0) draft.effects.push({ type: 'replyReload', tickets, outcome });
    return;
  }
  draft.state = { ...state, nextReload: [...(state.nextReload ?? []), ...tickets] };
}

/** Back-off ends here: it was earned by the code that is about to be replaced. */
function beginReload(draft: Draft, tickets: readonly number[]): void {
  const fresh = draft.state.lastGeneration + 1;
  draft.state = {
    ...draft.state,
    phase: 'reloading',
    fresh,
    tickets,
    lastGeneration: fresh,
    nextReload: undefined,
  };
  for (const worker of draft.state.workers) if (worker.state === 'waiting') retire(draft, worker);
}

/** Over: done without a `message`, failed with one. */
function endReload(draft: Draft, message?: string): void {
  if (draft.state.phase !== 'reloading') return;
  const { fresh, tickets, ...common } = draft.state;
  draft.state = { ...common, phase: 'ready', generation: message === undefined ? fresh : common.generation };
  dropComing(draft, fresh);
  draft.effects.push({
    type: 'replyReload',
    tickets,
    outcome: message === undefined ? { type: 'done', generation: fresh } : { type: 'failed', message },
  });
}

/** New, and not available yet: no other worker leaves for it. */
function isComing(worker: PoolWorker, fresh: number): boolean {
  return worker.generation === fresh && worker.state !== 'draining' && worker.isAvailable !== true;
}

/** What boots for a reload that is over; what serves already only where enough others do. */
function dropComing(draft: Draft, fresh: number): void {
  const { workers, target } = draft.state;
  for (const worker of workers)
    if (worker.generation === fresh && worker.state === 'booting') retire(draft, worker);
  const others = workers.filter((worker) => worker.state === 'ready' && !isComing(worker, fresh)).length;
  retireSurplus(draft, (worker) => isComing(worker, fresh), Math.max(0, target - others));
}

/** One by one and start-first: what is missing, then what is too much, then the next replacement or the end. */
function settleReload(draft: Draft, fresh: number): void {
  fillPlaces(draft, fresh);
  retireSurplus(draft, (worker) => !isComing(worker, fresh));
  const { workers, target, settings } = draft.state;
  if (workers.some((worker) => isComing(worker, fresh))) return;
  const old = staying(draft).filter((worker) => worker.generation !== fresh).length;
  if (old === 0) {
    endReload(draft);
    return;
  }
  const count = Math.min(old, target + settings.extraWorkers - workers.length);
  spawnSome(draft, fresh, count);
}
