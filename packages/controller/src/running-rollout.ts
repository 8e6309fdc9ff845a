import {
  LameduckError,
  type Machine,
  type OperationReport,
  type RolloutEffect,
  type RolloutEvent,
  type RolloutReport,
  type RolloutState,
  type RolloutStatus,
  rolloutStatus,
  runMachine,
  stepRollout,
} from '@lameduck/core';
import type { Logger } from 'pino';
import { CanaryWatch, type ReadTraffic } from './canary-watch.ts';
import { isTakenOut, type NodeRecord } from './node-record.ts';
import type { OperationOptions } from './operation-spec.ts';
import type { Clock } from './ports/clock.ts';
import type { OnProgress } from './run-operation.ts';
import type { RolloutRecord } from './store/rollout-log.ts';
import type { Unsettled } from './unsettled.ts';

export interface RunningRolloutParts {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly unsettled: Unsettled;
  readonly records: readonly NodeRecord[];
  readonly readTraffic: ReadTraffic;
  readonly restart: (
    node: string,
    onProgress: OnProgress,
    options: OperationOptions,
  ) => Promise<OperationReport>;
  /** Aborts when the controller stops. */
  /** Resolves when no operation is under way on the node; rejects when the controller stops. */
  readonly untilFree: (node: string) => Promise<void>;
  readonly closing: AbortSignal;
  /** Nodes that it has nothing to do with. */
  readonly unasked: readonly string[];
  readonly onEnded: (report: RolloutReport) => void;
}

type Untimed = RolloutEvent extends infer E ? (E extends unknown ? Omit<E, 'at'> : never) : never;

/** One rollout while it runs, and what is known of it afterwards. */
export class RunningRollout {
  readonly #parts: RunningRolloutParts;
  readonly #kept: RolloutRecord;
  readonly #onProgress: OnProgress;
  readonly #machine: Machine<RolloutState, RolloutEvent>;
  readonly #ended = Promise.withResolvers<RolloutReport>();
  #watch: CanaryWatch | undefined;
  #soakEndsAt: string | undefined;
  #writes: Promise<void> = Promise.resolve();

  constructor(parts: RunningRolloutParts, kept: RolloutRecord, onProgress: OnProgress) {
    this.#parts = parts;
    this.#kept = kept;
    this.#onProgress = onProgress;
    const perform = (effect: RolloutEffect): void => this.#perform(effect);
    this.#machine = runMachine(stepRollout, kept.note.state, perform, (event, from, to) => {
      if (from === to) return;
      if (event.type !== 'judged') this.#keep(to);
      onProgress({ type: 'rollout', status: this.#statusOf(to) });
    });
  }

  get isActive(): boolean {
    return this.#machine.state.phase !== 'done';
  }

  get state(): RolloutState {
    return this.#machine.state;
  }

  status(): RolloutStatus {
    return this.#statusOf(this.#machine.state);
  }

  send(event: Untimed): void {
    this.#machine.send({ ...event, at: this.#parts.clock.now() } as RolloutEvent);
  }

  /**
   * Resolves with the report. Rejects with `notRunning` where the controller stops while nothing is under way: the
   * rollout stays noted, and the next controller goes on with it.
   */
  async run(begin: 'begun' | 'takenUp'): Promise<RolloutReport> {
    const { closing, unsettled, unasked, onEnded } = this.#parts;
    const stop = (): void => {
      this.#watch?.stop();
      if (this.#machine.state.running.length === 0) this.#ended.reject(closing.reason);
    };
    closing.addEventListener('abort', stop, { once: true });
    this.send({ type: begin });
    if (closing.aborted) stop();
    try {
      const ended = await this.#ended.promise;
      const report = { ...ended, untouched: [...ended.untouched, ...unasked] };
      onEnded(report);
      await unsettled.attempt(`rollout/${this.#kept.note.beganAt}`, () => this.#kept.settle(report));
      return report;
    } finally {
      closing.removeEventListener('abort', stop);
      await this.#writes;
    }
  }

  #perform(effect: RolloutEffect): void {
    switch (effect.type) {
      case 'restart':
        if (this.#isTakenOut(effect.node)) this.send({ type: 'nodeSkipped', node: effect.node });
        else void this.#restart(effect.node, { hook: 'beforeStart' });
        return;
      case 'revert':
        void this.#revert(effect.node);
        return;
      case 'soak':
        this.#soak(effect.nodes, effect.ms);
        return;
      case 'stopSoak':
        this.#watch?.stop();
        return;
      case 'finish':
        this.#watch?.stop();
        void this.#writes.then(() => this.#ended.resolve(effect.report));
    }
  }

  /** What was taken out on purpose stays out, also where this rollout had changed it before. */
  #isTakenOut(node: string): boolean {
    return this.#parts.records.some((record) => record.config.name === node && isTakenOut(record));
  }

  /** After what somebody has begun on the canary meanwhile: it has the new version, whatever becomes of that. */
  async #revert(node: string): Promise<void> {
    if (!this.#isTakenOut(node)) await this.#parts.untilFree(node).catch(() => undefined);
    if (this.#isTakenOut(node)) this.#finished(leftOut(node));
    else await this.#restart(node, { hook: 'rollBack', ...this.#why() });
  }

  #why(): { reason?: string } {
    const reason = this.#machine.state.trouble?.reason;
    return reason === undefined ? {} : { reason };
  }

  async #restart(node: string, options: OperationOptions): Promise<void> {
    const by = this.#kept.note.by === undefined ? 'a rollout' : `a rollout of ${this.#kept.note.by}`;
    const report = await this.#parts
      .restart(node, this.#onProgress, { ...options, by })
      .catch((thrown: unknown) => failedReport(node, LameduckError.from(thrown)));
    this.#finished(report);
  }

  #finished(report: OperationReport): void {
    this.#onProgress({ type: 'nodeReport', report });
    this.send({ type: 'nodeFinished', report });
  }

  #soak(nodes: readonly string[], ms: number): void {
    const { clock, records, readTraffic } = this.#parts;
    const criteria = this.#kept.note.state.plan.success;
    this.#soakEndsAt = new Date(Date.parse(clock.timestamp()) + ms).toISOString();
    const parts = { clock, records, readTraffic, criteria };
    this.#watch = new CanaryWatch(parts, nodes, (judgement, isOver) => {
      this.send({ type: isOver ? 'soakEnded' : 'judged', judgement });
    });
    this.#watch.start(ms);
  }

  #statusOf(state: RolloutState): RolloutStatus {
    const { id, beganAt, by } = this.#kept.note;
    return rolloutStatus(state, {
      takenOut: state.pending.filter((node) => this.#isTakenOut(node)),
      id,
      beganAt,
      ...(by === undefined ? {} : { by }),
      ...(this.#soakEndsAt === undefined ? {} : { soakEndsAt: this.#soakEndsAt }),
    });
  }

  /** Only for one who finds the rollout interrupted: it goes on without. */
  #keep(state: RolloutState): void {
    this.#writes = this.#writes
      .then(() => this.#kept.keep(state))
      .catch((thrown: unknown) => {
        this.#parts.logger.error({ reason: LameduckError.from(thrown).message }, 'rollout not noted');
      });
  }
}

function failedReport(node: string, { message: reason, code }: LameduckError): OperationReport {
  return { ...unbegun(node), result: 'failed', reason, code };
}

/** Of a canary that is to be rolled back, and that an operator has taken out. */
function leftOut(node: string): OperationReport {
  const reason = `Cannot roll node "${node}" back: an operator has taken it out; it has the new version`;
  return { ...unbegun(node), result: 'refused', reason, code: 'refused' };
}

function unbegun(node: string): Omit<OperationReport, 'result'> {
  return {
    operation: 'restart',
    node,
    phases: [],
    inFlight: 0,
    answered: 0,
    lost: 0,
    killed: [],
    ms: 0,
  };
}
