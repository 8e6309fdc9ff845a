import { defaults } from './config-defaults.ts';
import {
  backOffMs,
  type KillReason,
  type PlaceState,
  type PoolEffect,
  type PoolState,
  type PoolWorker,
  type TimerName,
} from './pool-state.ts';

/** A transition of the pool being built; never seen outside one step. */
export interface Draft {
  state: PoolState;
  readonly effects: PoolEffect[];
}

/** The place with that id, if it still is one. */
export function find(draft: Draft, id: number): PoolWorker | undefined {
  return draft.state.workers.find((worker) => worker.id === id);
}

/** Places that count towards the target. */
export function staying(draft: Draft): readonly PoolWorker[] {
  return draft.state.workers.filter((worker) => worker.state !== 'draining');
}

/** Puts a changed place where the one of the same id was. */
export function change(draft: Draft, changed: PoolWorker): void {
  const workers = draft.state.workers.map((worker) => (worker.id === changed.id ? changed : worker));
  draft.state = { ...draft.state, workers };
}

/** Forgets a place and its timers. */
export function remove(draft: Draft, { id }: PoolWorker): void {
  draft.effects.push({ type: 'cancelTimers', id });
  draft.state = { ...draft.state, workers: draft.state.workers.filter((worker) => worker.id !== id) };
}

/** Starts (again) a timer of one place, with the budget of its name unless told. */
export function startTimer(draft: Draft, worker: PoolWorker, name: TimerName, ms?: number): void {
  const budget = ms ?? budgetMs(draft, worker, name);
  draft.effects.push({ type: 'startTimer', timer: { name, id: worker.id }, ms: budget });
}

function budgetMs(draft: Draft, worker: PoolWorker, name: TimerName): number {
  const { settings } = draft.state;
  const budgets: Readonly<Record<TimerName, number>> = {
    respawn: backOffMs(worker.crashes),
    boot: settings.bootTimeoutMs,
    ready: settings.readyTimeoutMs,
    available: minReadyMs(draft.state),
    healthy: settings.healthyMs,
    heartbeat: settings.heartbeatTimeoutMs,
    deadline: settings.deadlineMs,
  };
  return budgets[name];
}

/** How long a worker has to have been ready before another one leaves for it. */
export function minReadyMs({ settings, target }: PoolState): number {
  if (settings.minReadyMs !== 'shared') return settings.minReadyMs;
  const shareMs = Math.round(defaults.reloadMs / Math.max(1, target));
  return Math.min(defaults.mostMinReadyMs, Math.max(defaults.leastMinReadyMs, shareMs));
}

/** An empty place whose next process comes after its back-off. */
export function addWaiting(draft: Draft, generation: number, crashes: number): void {
  startTimer(draft, addPlace(draft, 'waiting', generation, crashes), 'respawn');
}

/** A new place with its process. */
export function spawn(draft: Draft, generation: number): void {
  boot(draft, addPlace(draft, 'booting', generation, 0));
}

function addPlace(draft: Draft, state: PlaceState, generation: number, crashes: number): PoolWorker {
  const place: PoolWorker = { id: draft.state.nextId, generation, state, crashes, isKilled: false };
  const workers = [...draft.state.workers, place];
  draft.state = { ...draft.state, nextId: place.id + 1, workers };
  return place;
}

/** Gives a place its process. */
export function boot(draft: Draft, worker: PoolWorker): void {
  change(draft, { ...worker, state: 'booting' });
  const { id, generation } = worker;
  const { workers, target } = draft.state;
  const isSpare = workers.filter(({ state }) => state === 'ready').length >= target;
  draft.effects.push({ type: 'spawnWorker', id, generation, isSpare });
  startTimer(draft, worker, 'boot');
  startTimer(draft, worker, 'ready');
}

/** Asks a worker to leave, or drops a place that has no process. */
export function retire(draft: Draft, worker: PoolWorker): void {
  if (worker.state === 'waiting') {
    remove(draft, worker);
    return;
  }
  startLeaving(draft, worker);
  draft.effects.push({ type: 'terminateWorker', id: worker.id });
}

/** From here on it does not count towards the target, and its deadline runs. */
export function startLeaving(draft: Draft, worker: PoolWorker): void {
  change(draft, { ...worker, state: 'draining' });
  draft.effects.push({ type: 'cancelTimers', id: worker.id });
  startTimer(draft, worker, 'deadline');
}

/** Ends a process by force; its place is given up at once, not only at its exit. */
export function kill(draft: Draft, worker: PoolWorker, reason: KillReason): void {
  change(draft, { ...worker, state: 'draining', isKilled: true });
  draft.effects.push({ type: 'cancelTimers', id: worker.id }, { type: 'killWorker', id: worker.id, reason });
}

/** Spawns what is missing to the target, a few at a time: what cannot boot is not started in numbers. */
export function fillPlaces(draft: Draft, generation: number): void {
  spawnSome(draft, generation, draft.state.target - staying(draft).length);
}

/** At most `count`, and no more than may come at the same time; the next event asks for the rest. */
export function spawnSome(draft: Draft, generation: number, count: number): void {
  const { workers, settings } = draft.state;
  const coming = workers.filter(({ state }) => state === 'booting' || state === 'waiting').length;
  for (let n = 0; n < Math.min(count, settings.maxComing - coming); n++) spawn(draft, generation);
}

const costOfLeaving: Readonly<Record<PlaceState, number>> = { waiting: 0, booting: 1, ready: 2, draining: 3 };

/** In a reload age alone counts: a worn new worker is worth more than any old one. */
function wornFirst({ state: { phase } }: Draft, a: PoolWorker, b: PoolWorker): number {
  return phase === 'ready' ? Number(b.isWorn === true) - Number(a.isWorn === true) : 0;
}

/** Retires what is beyond `most`: what does not serve yet first, then worn, then the oldest. Only candidates count. */
export function retireSurplus(
  draft: Draft,
  isCandidate: (worker: PoolWorker) => boolean,
  most: number = draft.state.target,
): void {
  const candidates = staying(draft)
    .filter(isCandidate)
    .toSorted(
      (a, b) => costOfLeaving[a.state] - costOfLeaving[b.state] || wornFirst(draft, a, b) || a.id - b.id,
    );
  for (const worker of candidates.slice(0, Math.max(0, candidates.length - most))) retire(draft, worker);
}
