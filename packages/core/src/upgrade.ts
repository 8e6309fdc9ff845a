/**
 * The upgrade of a master: a successor starts on the same listening socket, and the old master leaves once it serves.
 *
 *     idle ──requested──▶ starting ──ready──▶ handingOver ──tookOver──▶ announcing ──announced──▶ left
 *      ▲                     │                     │                        │
 *      │                     └──failed, exited, too late, or a stop came────┘
 *      └──successor gone── backingOut ◀────────────┘
 *
 * Invariants (each is a property test):
 * 1. At most one successor exists; a request that comes while there is one is answered `busy`.
 * 2. The old master leaves at most once, and only while a successor lives that was ready and holds pid file and
 *    control socket.
 * 3. A successor that is given up is signalled in the same step, and killed where it does not leave in time.
 * 4. What was handed over is reclaimed in the step that gives the successor up, and once more when that is gone.
 * 5. Each ticket is answered exactly once.
 */
import { assertNever } from './errors.ts';
import type { StopMode } from './pool-state.ts';
import type { Transition } from './run-machine.ts';

/** Budgets of an upgrade. */
export interface UpgradeSettings {
  /** From the start of the successor until all its workers are ready. */
  readonly readyMs: number;
  /** For the successor to take pid file and control socket over, and for the supervisor to be told. */
  readonly handOverMs: number;
  /** For a successor that is given up to finish what it has; then it is killed. */
  readonly backOutMs: number;
  /** The same in a quick stop. */
  readonly quickMs: number;
}

interface Common {
  readonly settings: UpgradeSettings;
}

export type UpgradeState =
  | (Common & { readonly phase: 'idle' })
  | (Common & { readonly phase: 'starting' | 'handingOver' | 'announcing'; readonly ticket?: number })
  | (Common & { readonly phase: 'backingOut'; readonly wasHandedOver: boolean })
  | (Common & { readonly phase: 'left' });

export type UpgradeTimer = 'ready' | 'handOver' | 'backOut';

export type UpgradeEvent =
  /** `obstacle` says why this master cannot be upgraded now. */
  | { readonly type: 'upgradeRequested'; readonly ticket?: number; readonly obstacle?: string }
  | { readonly type: 'successorReady' }
  | { readonly type: 'successorFailed'; readonly message: string }
  | { readonly type: 'successorTookOver' }
  /** Both `null` where only its end is known. */
  | { readonly type: 'successorExited'; readonly code: number | null; readonly signal: string | null }
  | { readonly type: 'announced' }
  | { readonly type: 'announceFailed'; readonly message: string }
  | { readonly type: 'timerFired'; readonly timer: UpgradeTimer }
  | { readonly type: 'stopRequested'; readonly mode: StopMode };

export type UpgradeOutcome =
  | { readonly type: 'done' }
  | { readonly type: 'busy' | 'failed'; readonly message: string };

export type UpgradeEffect =
  | { readonly type: 'startSuccessor' }
  | { readonly type: 'tellTakeOver' }
  /** Tells the supervisor whose process is the main one; answered by `announced` or `announceFailed`. */
  | { readonly type: 'announceSuccessor' }
  | { readonly type: 'signalSuccessor'; readonly signal: 'SIGTERM' | 'SIGINT' | 'SIGKILL' }
  /** Replaces the timer that runs; there is one. */
  | { readonly type: 'startTimer'; readonly timer: UpgradeTimer; readonly ms: number }
  | { readonly type: 'cancelTimer' }
  /** Pid file, control socket and main pid are ours again. */
  | { readonly type: 'reclaim' }
  | { readonly type: 'reply'; readonly ticket?: number; readonly outcome: UpgradeOutcome }
  /** Stop gracefully: the successor serves. */
  | { readonly type: 'leave' };

/** A master that is not being upgraded. */
export function initialUpgrade(settings: UpgradeSettings): UpgradeState {
  return { phase: 'idle', settings };
}

type Step = Transition<UpgradeState, UpgradeEffect>;
type Pending = Extract<UpgradeState, { readonly phase: 'starting' | 'handingOver' | 'announcing' }>;

/** One step of the upgrade: see the head of this file. */
export function stepUpgrade(state: UpgradeState, event: UpgradeEvent): Step {
  if (event.type === 'upgradeRequested') return request(state, event);
  switch (state.phase) {
    case 'idle':
    case 'left':
      return stay(state);
    case 'starting':
    case 'handingOver':
    case 'announcing':
      return advance(state, event);
    case 'backingOut':
      return backOut(state, event);
    default:
      return assertNever(state);
  }
}

function stay(state: UpgradeState): Step {
  return { state, effects: [] };
}

function request(state: UpgradeState, event: Extract<UpgradeEvent, { type: 'upgradeRequested' }>): Step {
  const { settings } = state;
  const message = event.obstacle ?? (state.phase === 'idle' ? undefined : describe(state.phase));
  const ticket = ticketOf(event);
  if (message !== undefined)
    return { state, effects: [{ type: 'reply', ...ticket, outcome: { type: 'busy', message } }] };
  return {
    state: { phase: 'starting', settings, ...ticket },
    effects: [{ type: 'startSuccessor' }, { type: 'startTimer', timer: 'ready', ms: settings.readyMs }],
  };
}

function describe(phase: Exclude<UpgradeState['phase'], 'idle'>): string {
  if (phase === 'left') return 'a new master has taken over';
  return phase === 'backingOut' ? 'a failed upgrade that is being undone' : 'an upgrade under way';
}

function ticketOf({ ticket }: { readonly ticket?: number }): { readonly ticket?: number } {
  return ticket === undefined ? {} : { ticket };
}

function advance(state: Pending, event: Exclude<UpgradeEvent, { type: 'upgradeRequested' }>): Step {
  const { settings } = state;
  switch (event.type) {
    case 'successorReady': {
      if (state.phase !== 'starting') return stay(state);
      const effects = [
        { type: 'tellTakeOver' },
        { type: 'startTimer', timer: 'handOver', ms: settings.handOverMs },
      ] as const;
      return { state: { ...state, phase: 'handingOver' }, effects };
    }
    case 'successorTookOver':
      if (state.phase !== 'handingOver') return stay(state);
      return { state: { ...state, phase: 'announcing' }, effects: [{ type: 'announceSuccessor' }] };
    case 'announced':
      return state.phase === 'announcing' ? leave(state) : stay(state);
    case 'announceFailed':
      return state.phase === 'announcing' ? fail(state, event.message) : stay(state);
    case 'successorFailed':
      return fail(state, event.message);
    case 'successorExited':
      return gone(state, event);
    case 'timerFired':
      return expire(state, event.timer);
    case 'stopRequested':
      return fail(state, 'a stop of the old master', event.mode);
    default:
      return assertNever(event);
  }
}

function expire(state: Pending, timer: UpgradeTimer): Step {
  const { readyMs, handOverMs } = state.settings;
  if (state.phase === 'starting')
    return timer === 'ready'
      ? fail(state, `a new master that was not ready within ${readyMs} ms`)
      : stay(state);
  if (timer !== 'handOver') return stay(state);
  return fail(state, `a new master that did not take over within ${handOverMs} ms`);
}

function leave(state: Pending): Step {
  return {
    state: { phase: 'left', settings: state.settings },
    effects: [
      { type: 'cancelTimer' },
      { type: 'reply', ...ticketOf(state), outcome: { type: 'done' } },
      { type: 'leave' },
    ],
  };
}

/** The successor may serve already: it is asked to finish what it has, and killed only later. */
function fail(state: Pending, message: string, mode: StopMode = 'graceful'): Step {
  const { settings, phase } = state;
  const isQuick = mode === 'quick';
  const wasHandedOver = phase !== 'starting';
  return {
    state: { phase: 'backingOut', settings, wasHandedOver },
    effects: [
      ...reclaimIf(wasHandedOver),
      { type: 'signalSuccessor', signal: isQuick ? 'SIGINT' : 'SIGTERM' },
      { type: 'startTimer', timer: 'backOut', ms: isQuick ? settings.quickMs : settings.backOutMs },
      { type: 'reply', ...ticketOf(state), outcome: { type: 'failed', message } },
    ],
  };
}

type Exited = Extract<UpgradeEvent, { readonly type: 'successorExited' }>;

function gone(state: Pending, { code, signal }: Exited): Step {
  const exit = code === null ? 'is gone' : `exited with code ${code}`;
  const how = signal === null ? exit : `was ended by ${signal}`;
  const outcome = { type: 'failed', message: `a new master that ${how}` } as const;
  return settle(state.settings, state.phase !== 'starting', { type: 'reply', ...ticketOf(state), outcome });
}

/** A successor that was slow may take the office after it was given up: then it is reclaimed a second time. */
function reclaimIf(wasHandedOver: boolean): readonly UpgradeEffect[] {
  return wasHandedOver ? [{ type: 'reclaim' }] : [];
}

/** No successor is left. */
function settle(settings: UpgradeSettings, wasHandedOver: boolean, ...before: UpgradeEffect[]): Step {
  return {
    state: { phase: 'idle', settings },
    effects: [{ type: 'cancelTimer' }, ...reclaimIf(wasHandedOver), ...before],
  };
}

function backOut(state: Extract<UpgradeState, { readonly phase: 'backingOut' }>, event: UpgradeEvent): Step {
  const { settings } = state;
  if (event.type === 'successorExited') return settle(settings, state.wasHandedOver);
  if (event.type === 'timerFired' && event.timer === 'backOut')
    return { state, effects: [{ type: 'signalSuccessor', signal: 'SIGKILL' }] };
  if (event.type !== 'stopRequested' || event.mode !== 'quick') return stay(state);
  const effects = [
    { type: 'signalSuccessor', signal: 'SIGINT' },
    { type: 'startTimer', timer: 'backOut', ms: settings.quickMs },
  ] as const;
  return { state, effects };
}
