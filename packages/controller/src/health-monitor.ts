import {
  type CheckResult,
  type HealthState,
  type HealthVerdict,
  stepHealth,
  unknownHealth,
} from '@lameduck/core';
import type { NodeRecord } from './node-record.ts';
import type { Clock } from './ports/clock.ts';
import type { HealthChecker } from './ports/health-checker.ts';

/** While somebody waits for a node, it is asked this often, so that a fast start is not slowed by the interval. */
const eagerIntervalMs = 100;

/** Up to this share of the interval is added or taken by chance, so that checks of many nodes do not align. */
const jitterShare = 0.1;

/** Called after each finished check with the health before it. */
export type OnCheck = (record: NodeRecord, before: HealthState) => void;

interface Waiter {
  readonly isContent: (verdict: HealthVerdict) => boolean;
  readonly resolve: () => void;
}

/** Checks every running node for ever and reports each finished check; sees to hysteresis, decides nothing else. */
export class HealthMonitor {
  readonly #records: readonly NodeRecord[];
  readonly #checker: HealthChecker;
  readonly #clock: Clock;
  readonly #onCheck: OnCheck;
  readonly #waiters = new Map<NodeRecord, Set<Waiter>>();
  readonly #timers = new Map<NodeRecord, () => void>();
  #isStopped = false;

  constructor(records: readonly NodeRecord[], checker: HealthChecker, clock: Clock, onCheck: OnCheck) {
    this.#records = records;
    this.#checker = checker;
    this.#clock = clock;
    this.#onCheck = onCheck;
  }

  start(): void {
    for (const record of this.#records) {
      this.#schedule(record, record.config.health.intervalMs * this.#clock.random());
    }
  }

  /** Forgets what earlier checks said; resolves when `rise` checks in a row have passed from now on. */
  risen(record: NodeRecord, signal: AbortSignal): Promise<void> {
    record.health = unknownHealth;
    return this.#verdict(record, (verdict) => verdict === 'up', signal);
  }

  /** Resolves when the checks of a node whose health is unknown have come to a verdict, whichever. */
  async known(record: NodeRecord, signal: AbortSignal): Promise<void> {
    if (record.health.verdict !== 'unknown') return;
    await this.#verdict(record, (verdict) => verdict !== 'unknown', signal);
  }

  stop(): void {
    this.#isStopped = true;
    for (const cancel of this.#timers.values()) cancel();
  }

  async #verdict(record: NodeRecord, isContent: Waiter['isContent'], signal: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const waiter = { isContent, resolve };
    const waiting = this.#waiters.get(record) ?? new Set();
    this.#waiters.set(record, waiting.add(waiter));
    const abort = (): void => reject(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    this.#schedule(record, 0);
    try {
      await promise;
    } finally {
      waiting.delete(waiter);
      signal.removeEventListener('abort', abort);
    }
  }

  #schedule(record: NodeRecord, ms: number): void {
    this.#timers.get(record)?.();
    if (!this.#isStopped)
      this.#timers.set(
        record,
        this.#clock.schedule(ms, () => void this.#check(record)),
      );
  }

  async #check(record: NodeRecord): Promise<void> {
    const identity = record.process;
    const before = record.health;
    if (identity !== undefined) {
      const result = await this.#checker.check(record.config.address, record.config.health);
      // an answer to a question from before a restart, or from before somebody began to wait, says nothing now
      if (record.process === identity && record.health === before && !this.#isStopped)
        this.#accept(record, result);
    }
    this.#schedule(record, this.#nextIntervalMs(record));
  }

  #accept(record: NodeRecord, result: CheckResult): void {
    const before = record.health;
    record.health = stepHealth(before, result, record.config.health);
    for (const { isContent, resolve } of this.#waiters.get(record) ?? []) {
      if (isContent(record.health.verdict)) resolve();
    }
    this.#onCheck(record, before);
  }

  #nextIntervalMs(record: NodeRecord): number {
    const { intervalMs } = record.config.health;
    if ((this.#waiters.get(record)?.size ?? 0) > 0) return Math.min(intervalMs, eagerIntervalMs);
    return intervalMs * (1 + jitterShare * (2 * this.#clock.random() - 1));
  }
}
