import {
  failPassively,
  firstDelayMs,
  type HealthLimits,
  type HealthState,
  jitterShare,
  nextDelayMs,
  stepHealth,
  unknownHealth,
} from '@lameduck/core';
import type { Clock } from '../ports/clock.ts';
import type { HealthChecker } from '../ports/health-checker.ts';
import type {
  CheckCommand,
  CheckCounts,
  CheckTarget,
  HealthChecks,
  HealthNews,
} from '../ports/health-checks.ts';
import { CheckTally } from './check-counts.ts';

/** While somebody waits for a node, it is asked this often, so that a fast start is not slowed by the interval. */
const eagerIntervalMs = 100;

export interface CheckLoopOptions {
  readonly checker: HealthChecker;
  readonly clock: Clock;
  /** Tell a check only where it changed something: for many targets. */
  readonly isTerse?: boolean;
  /** Share of the interval by which checks are spread; only measurements need another one than the default. */
  readonly jitter?: number;
}

interface Watched {
  readonly target: CheckTarget;
  readonly index: number;
  version: number;
  isRunning: boolean;
  isHastened: boolean;
  isChecking: boolean;
  health: HealthState;
  dueAt: number;
  cancel: () => void;
}

/** Checks in the loop of the caller; see the port for the contract. */
export function createCheckLoop(options: CheckLoopOptions): HealthChecks {
  return new CheckLoop(options);
}

class CheckLoop implements HealthChecks {
  readonly #options: CheckLoopOptions;
  #watched: readonly Watched[] = [];
  #onNews: (news: readonly HealthNews[]) => void = () => undefined;
  #tally: CheckTally = new CheckTally(0);
  #isClosed = false;

  constructor(options: CheckLoopOptions) {
    this.#options = options;
  }

  open(targets: readonly CheckTarget[], onNews: (news: readonly HealthNews[]) => void): void {
    this.#onNews = onNews;
    this.#tally = new CheckTally(targets.length);
    this.#watched = targets.map((target, index) => ({
      target,
      index,
      version: 0,
      isRunning: false,
      isHastened: false,
      isChecking: false,
      health: unknownHealth,
      dueAt: 0,
      cancel: () => undefined,
    }));
  }

  tell(target: number, command: CheckCommand): void {
    const watched = this.#watched[target];
    if (watched !== undefined && !this.#isClosed) this.#obey(watched, command);
  }

  async counts(): Promise<CheckCounts> {
    return this.#tally;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const { cancel } of this.#watched) cancel();
    await this.#options.checker.close();
  }

  #obey(watched: Watched, command: CheckCommand): void {
    switch (command.type) {
      case 'follow':
        watched.version = command.version;
        watched.isRunning = command.isRunning;
        this.#spread(watched);
        return;
      case 'forget':
        watched.version = command.version;
        watched.health = unknownHealth;
        return;
      case 'hasten':
        watched.isHastened = true;
        this.#schedule(watched, 0);
        return;
      case 'relax':
        watched.isHastened = false;
        this.#spread(watched);
        return;
      case 'fail':
        this.#accept(watched, failPassively(watched.health, command.reason, this.#options.clock.now()));
    }
  }

  /** Anywhere in the next interval: nodes that were started together are not checked together for ever. */
  #spread(watched: Watched): void {
    const chance = this.#options.clock.random();
    this.#schedule(watched, watched.isHastened ? 0 : firstDelayMs(intervalMs(watched), chance));
  }

  #schedule(watched: Watched, ms: number): void {
    watched.cancel();
    if (!watched.isRunning || watched.isChecking || this.#isClosed) return;
    watched.dueAt = this.#options.clock.now() + ms;
    watched.cancel = this.#options.clock.schedule(ms, () => void this.#check(watched));
  }

  async #check(watched: Watched): Promise<void> {
    const { version, target } = watched;
    watched.isChecking = true;
    const result = await this.#options.checker.check(target.address, target.health);
    watched.isChecking = false;
    if (this.#isClosed) return;
    this.#tally.note(watched.index, result.passed, result.ms);
    // an answer to a question from before a restart, or from before somebody began to wait, says nothing now
    if (watched.version === version)
      this.#accept(watched, stepHealth(watched.health, result, target.health, this.#options.clock.now()));
    this.#schedule(watched, this.#waitMs(watched));
  }

  /** From when the check was due, not from its end: a slow answer does not make the next check late. */
  #waitMs(watched: Watched): number {
    const { clock, jitter = jitterShare } = this.#options;
    const interval = intervalMs(watched);
    if (watched.isHastened) return Math.min(interval, eagerIntervalMs);
    return Math.max(0, watched.dueAt + nextDelayMs(interval, clock.random(), jitter) - clock.now());
  }

  #accept(watched: Watched, health: HealthState): void {
    const before = watched.health;
    watched.health = health;
    const mayHide = this.#options.isTerse === true && !watched.isHastened;
    if (mayHide && !isNews(before, health, watched.target.health)) return;
    this.#onNews([{ target: watched.index, version: watched.version, health }]);
  }
}

function intervalMs({ target, health }: Watched): number {
  return health.verdict === 'down' ? target.health.downIntervalMs : target.health.intervalMs;
}

function isNews(before: HealthState, after: HealthState, { rise }: HealthLimits): boolean {
  // a node whose checks have risen is down by damping alone, and better than none
  const hasRisen = after.verdict === 'down' && after.last?.passed === true && after.streak === rise;
  return hasRisen || before.verdict !== after.verdict || before.last?.detail !== after.last?.detail;
}
