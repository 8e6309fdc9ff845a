import { type HealthState, type HealthVerdict, unknownHealth } from '@lameduck/core';
import { Beat } from './beat.ts';
import type { NodeRecord } from './node-record.ts';
import type { Clock } from './ports/clock.ts';
import type { CheckCommand, HealthChecks, HealthNews } from './ports/health-checks.ts';
import type { ProcessIdentity } from './ports/node-runner.ts';

/** How often everything is looked at again although no health has changed: a change that failed is tried again then. */
const reviewMs = 1000;

export interface HealthEvents {
  /** After news of one node, with the health before. */
  readonly checked: (record: NodeRecord, before: HealthState) => void;
  /** After all news that came together, and from time to time without. */
  readonly settled: () => void;
}

interface Waiter {
  readonly isContent: (verdict: HealthVerdict) => boolean;
  readonly resolve: () => void;
}

interface Followed {
  process: ProcessIdentity | undefined;
  version: number;
}

/** Keeps the health of every record, as the checks tell it, and lets others wait for it; decides nothing else. */
export class HealthMonitor {
  readonly #records: readonly NodeRecord[];
  readonly #places: ReadonlyMap<NodeRecord, number>;
  readonly #followed: readonly Followed[];
  readonly #checks: HealthChecks;
  readonly #clock: Clock;
  readonly #events: HealthEvents;
  readonly #beat: Beat;
  readonly #waiters = new Map<NodeRecord, Set<Waiter>>();
  #reviewedAt = 0;
  #leaveBeat: () => void = () => undefined;
  #isStopped = false;

  constructor(
    records: readonly NodeRecord[],
    checks: HealthChecks,
    clock: Clock,
    events: HealthEvents,
    beat: Beat = new Beat(clock),
  ) {
    this.#records = records;
    this.#places = new Map(records.map((record, place) => [record, place]));
    this.#followed = records.map(() => ({ process: undefined, version: 0 }));
    this.#checks = checks;
    this.#clock = clock;
    this.#events = events;
    this.#beat = beat;
    checks.open(
      records.map(({ config }) => ({ address: config.address, health: config.health })),
      (news) => this.#receive(news),
    );
  }

  start(): void {
    if (this.#isStopped) return;
    this.#sweep();
    this.#leaveBeat = this.#beat.join(this.#sweep);
  }

  /** Forgets what earlier checks said; resolves when `rise` checks in a row have passed from now on. */
  risen(record: NodeRecord, signal: AbortSignal): Promise<void> {
    this.forget(record);
    return this.#verdict(record, (verdict) => verdict === 'up', signal);
  }

  /** What earlier checks said counts no more. */
  forget(record: NodeRecord): void {
    record.health = unknownHealth;
    const followed = this.#follow(record);
    followed.version += 1;
    this.#tell(record, { type: 'forget', version: followed.version });
  }

  /** Resolves when the checks of a node whose health is unknown have come to a verdict, whichever. */
  async known(record: NodeRecord, signal: AbortSignal): Promise<void> {
    if (record.health.verdict !== 'unknown') return;
    this.#follow(record);
    await this.#verdict(record, (verdict) => verdict !== 'unknown', signal);
  }

  /** The edges counted too many errors: the node is failing until its checks have risen. */
  fail(record: NodeRecord, reason: string): void {
    this.#tell(record, { type: 'fail', reason });
  }

  stop(): void {
    this.#isStopped = true;
    this.#leaveBeat();
  }

  async #verdict(record: NodeRecord, isContent: Waiter['isContent'], signal: AbortSignal): Promise<void> {
    // one that has aborted already would not say so again
    signal.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const waiter = { isContent, resolve };
    const waiting = this.#waiters.get(record) ?? new Set();
    this.#waiters.set(record, waiting.add(waiter));
    const abort = (): void => reject(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    this.#tell(record, { type: 'hasten' });
    try {
      await promise;
    } finally {
      waiting.delete(waiter);
      if (waiting.size === 0) this.#tell(record, { type: 'relax' });
      signal.removeEventListener('abort', abort);
    }
  }

  /** Tells the checks of processes that began or ended. */
  readonly #sweep = (): void => {
    if (this.#isStopped) return;
    for (const record of this.#records) this.#follow(record);
    const now = this.#clock.now();
    if (now - this.#reviewedAt >= reviewMs) {
      this.#reviewedAt = now;
      this.#events.settled();
    }
  };

  /** Tells the checks which process is the node's, where that is not what they know. */
  #follow(record: NodeRecord): Followed {
    const followed = this.#followed[this.#placeOf(record)] as Followed;
    if (followed.process === record.process) return followed;
    followed.process = record.process;
    followed.version += 1;
    const isRunning = record.process !== undefined;
    this.#tell(record, { type: 'follow', version: followed.version, isRunning });
    return followed;
  }

  #tell(record: NodeRecord, command: CheckCommand): void {
    if (!this.#isStopped) this.#checks.tell(this.#placeOf(record), command);
  }

  #placeOf(record: NodeRecord): number {
    return this.#places.get(record) as number;
  }

  #receive(news: readonly HealthNews[]): void {
    if (this.#isStopped) return;
    for (const { target, version, health } of news) {
      const record = this.#records[target];
      // news of a process that has ended meanwhile, or from before somebody began to wait, say nothing now
      if (record === undefined || this.#follow(record).version !== version) continue;
      const before = record.health;
      record.health = health;
      for (const { isContent, resolve } of this.#waiters.get(record) ?? []) {
        if (isContent(health.verdict)) resolve();
      }
      this.#events.checked(record, before);
    }
    this.#reviewedAt = this.#clock.now();
    this.#events.settled();
  }
}
