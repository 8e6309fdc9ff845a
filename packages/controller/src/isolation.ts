import { explainDown, findPanic, isOnlyHeld, LameduckError, mayIsolate, type Panic } from '@lameduck/core';
import type { Logger } from 'pino';
import { type EdgeSet, isPartlyOut } from './edge-set.ts';
import { availability, type NodeRecord, opinion } from './node-record.ts';
import type { Clock } from './ports/clock.ts';
import type { ProcessIdentity } from './ports/node-runner.ts';

/**
 * Takes failing nodes out of rotation and brings them back when their health has risen. A node that an operation
 * holds is left to the operation, and the last node in rotation is never taken out for its checks: it may be they that
 * are wrong, and a failing answer is no worse than none. Where too many fail at once (the panic threshold), none is
 * taken out and those that were are brought back.
 *
 * That a process is gone is no opinion of a check. Such a node is taken out also where it is the last one, if an edge can
 * let requests wait for it: nobody could answer them.
 */
export class Isolation {
  readonly #records: readonly NodeRecord[];
  readonly #edges: EdgeSet;
  readonly #logger: Logger;
  readonly #signal: AbortSignal;
  readonly #clock: Clock;
  readonly #panicPercent: number | undefined;
  #panic: Panic | undefined;
  readonly #underWay = new Map<NodeRecord, Promise<void>>();
  /** The process that each node had when it was taken out here; `undefined` where it had none any more. */
  readonly #isolated = new Map<NodeRecord, ProcessIdentity | undefined>();

  constructor(
    records: readonly NodeRecord[],
    edges: EdgeSet,
    around: { readonly clock: Clock; readonly logger: Logger; readonly signal: AbortSignal },
    panicPercent: number | undefined,
  ) {
    this.#records = records;
    this.#edges = edges;
    this.#clock = around.clock;
    this.#logger = around.logger;
    this.#signal = around.signal;
    this.#panicPercent = panicPercent;
  }

  /** How many nodes are down of how many, while that is too many to act on. */
  get panic(): Panic | undefined {
    return this.#panic;
  }

  /** Looks at every node again; called whenever health, an operation or a process has changed. */
  readonly review = (): void => {
    if (this.#signal.aborted) return;
    this.#notePanic();
    const isAnyServing = mayIsolate(this.#records.map(availability));
    for (const record of this.#records) {
      const change = this.#wanted(record, isAnyServing);
      if (change === undefined) continue;
      const work = change === 'isolate' ? this.#isolate(record) : this.#bringBack(record);
      // after a failure nothing is reviewed at once: the next check does it, so a broken edge is not hammered
      const settled = work
        .catch((error: unknown) => this.#fail(record, change, error))
        .finally(() => this.#underWay.delete(record));
      this.#underWay.set(record, settled);
    }
  };

  /** Resolves when no change is under way. */
  async settled(): Promise<void> {
    await Promise.all(this.#underWay.values());
  }

  #wanted(record: NodeRecord, isAnyServing: boolean): 'isolate' | 'return' | undefined {
    if (record.operation !== undefined || this.#underWay.has(record)) return undefined;
    if (record.out.size === 0 && record.health.verdict === 'down') {
      const mayGo =
        record.process === undefined
          ? isAnyServing || this.#canHold() || this.#isAnyLeft(record)
          : isAnyServing && this.#panic === undefined;
      return mayGo ? 'isolate' : undefined;
    }
    const mayReturn = record.out.has('health') && record.process !== undefined;
    return mayReturn && this.#isGoodEnough(record, isAnyServing) ? 'return' : undefined;
  }

  /** Well; or better than nothing: nobody serves and only damping keeps it out, or it is the checks that may be wrong. */
  #isGoodEnough(record: NodeRecord, isAnyServing: boolean): boolean {
    const { health, config } = record;
    if (health.verdict === 'up') return true;
    if (!isAnyServing && isOnlyHeld(health, config.health, this.#clock.now())) return true;
    // one whose process had ended has to come up first, however few there are: until then it refuses
    const hadEnded = this.#isolated.has(record) && this.#isolated.get(record) === undefined;
    if (this.#panic !== undefined) return !hadEnded;
    return this.#isOnlyDoubted(record) && !this.#isAnyLeft(record);
  }

  /** Out for nothing but what the checks say of the process that it still has. */
  #isOnlyDoubted(record: NodeRecord): boolean {
    const doubted = this.#isolated.get(record);
    return record.out.size === 1 && doubted !== undefined && doubted.pid === record.process?.pid;
  }

  /** Whether the edges send to another node that has a process. */
  #isAnyLeft(but: NodeRecord): boolean {
    return this.#records.some(
      (record) => record !== but && record.out.size === 0 && record.process !== undefined,
    );
  }

  /** Without the gate a request that finds no node fails as it would at a dead one, and a reload would be for nothing. */
  #canHold(): boolean {
    return this.#edges.edges.some(({ mode }) => mode === 'gate');
  }

  #notePanic(): void {
    const panic = findPanic(this.#records.map(opinion), this.#panicPercent);
    const was = this.#panic;
    this.#panic = panic;
    if (panic !== undefined && was === undefined)
      this.#logger.error({ ...panic }, 'panic: too many nodes are down at once, all are sent to');
    if (panic === undefined && was !== undefined) this.#logger.info({}, 'panic is over');
  }

  async #isolate(record: NodeRecord): Promise<void> {
    const node = record.config.name;
    record.out.add('health');
    this.#isolated.set(record, record.process);
    const reason = record.reason ?? explainDown(record.health, this.#clock.now());
    this.#logger.warn({ node, reason }, 'node isolated');
    // nothing is signalled: an edge that is down takes no requests, and must not keep the others from isolating it
    await this.#edges.remove(node, () => {}, this.#signal, { require: 'living' });
  }

  async #bringBack(record: NodeRecord): Promise<void> {
    const node = record.config.name;
    // an operator's drain outlives the health that came back
    if (record.out.size === 1) await this.#edges.restore(node, () => {}, this.#signal);
    record.out.delete('health');
    record.reason = undefined;
    this.#isolated.delete(record);
    this.#logger.info({ node, reason: record.health.change?.reason }, 'node back in rotation');
  }

  #fail(record: NodeRecord, change: 'isolate' | 'return', error: unknown): void {
    if (change === 'isolate' && !isPartlyOut(error)) record.out.delete('health');
    const { code, message } = LameduckError.from(error);
    if (this.#signal.aborted) return;
    this.#logger.error({ node: record.config.name, change, code, reason: message }, 'isolation failed');
  }
}
