import { exitCodes } from './errors.ts';
import { type Draft, retire, startTimer } from './pool-places.ts';
import type { PoolFailure, StopMode } from './pool-state.ts';

/** A second graceful stop changes nothing; a quick one hurries a graceful one. */
export function stop(draft: Draft, mode: StopMode, spentMs = 0): void {
  const { state } = draft;
  if (state.phase === 'stopped') return;
  if (state.phase !== 'stopping') {
    const { settings } = state;
    draft.state = { ...state, settings: { ...settings, deadlineMs: settings.deadlineMs - spentMs } };
    beginStop(draft, mode);
  } else if (mode === 'quick' && state.mode === 'graceful') {
    draft.state = { ...state, mode };
    hurry(draft);
  }
}

/** Tells all to leave and fails the reloads under way; with a `failure` the pool gives up. */
export function beginStop(draft: Draft, mode: StopMode, failure?: PoolFailure): void {
  const { state } = draft;
  const tickets = [...(state.phase === 'reloading' ? state.tickets : []), ...(state.nextReload ?? [])];
  const { settings, target, generation, lastGeneration, nextId, workers, crashes, isAnnounced } = state;
  const common = { settings, target, generation, lastGeneration, nextId, workers, crashes, isAnnounced };
  draft.state = { ...common, phase: 'stopping', mode, killed: 0, failure };
  if (tickets.length > 0)
    draft.effects.push({
      type: 'replyReload',
      tickets,
      outcome: { type: 'failed', message: failure?.message ?? 'the master is stopping' },
    });
  for (const worker of workers) if (worker.state !== 'draining') retire(draft, worker);
  if (mode === 'quick') hurry(draft);
}

function hurry(draft: Draft): void {
  for (const worker of draft.state.workers) {
    if (worker.isKilled) continue;
    draft.effects.push({ type: 'quitWorker', id: worker.id });
    startTimer(draft, worker, 'deadline', draft.state.settings.quickMs);
  }
}

/** A worker that ended its own requests at the deadline: no news in a quick stop. */
export function countAborted(draft: Draft): void {
  if (draft.state.phase === 'stopping' && draft.state.mode === 'graceful') countKilled(draft);
}

/** In a stop, one more worker did not leave by itself. */
export function countKilled(draft: Draft): void {
  if (draft.state.phase === 'stopping') draft.state = { ...draft.state, killed: draft.state.killed + 1 };
}

/** Exits once no process is left. */
export function settleStop(draft: Draft): void {
  const { state } = draft;
  if (state.phase !== 'stopping' || state.workers.length > 0) return;
  const { failure, killed, mode: _mode, ...common } = state;
  const failed = failure === undefined ? 0 : exitCodes[failure.code];
  const code = failed > 0 ? failed : killed > 0 ? exitCodes.deadlinePassed : 0;
  draft.state = { ...common, phase: 'stopped', exitCode: code };
  draft.effects.push({ type: 'exit', code, failure });
}
