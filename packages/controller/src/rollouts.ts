import {
  beginRollout,
  type Config,
  formatMs,
  isResumable,
  isStoppable,
  LameduckError,
  type OperationKind,
  type OperationReport,
  type RolloutOptions,
  type RolloutPlan,
  type RolloutReport,
  type RolloutStatus,
  resolveRollout,
} from '@lameduck/core';
import type { Logger } from 'pino';
import type { ReadTraffic } from './canary-watch.ts';
import { askGuard, withHolders } from './guard.ts';
import { isTakenOut, type NodeRecord } from './node-record.ts';
import { canRollBack, type OperationOptions } from './operation-spec.ts';
import type { Clock } from './ports/clock.ts';
import type { NodeHooks } from './ports/node-hooks.ts';
import type { OnProgress } from './run-operation.ts';
import { RunningRollout } from './running-rollout.ts';
import { interruptedRollout, type RolloutRecord } from './store/rollout-log.ts';
import type { ServiceStore } from './store/service-store.ts';
import type { Unsettled } from './unsettled.ts';

export interface RolloutsParts {
  readonly config: Config;
  readonly records: readonly NodeRecord[];
  readonly clock: Clock;
  readonly logger: Logger;
  readonly store: ServiceStore;
  readonly unsettled: Unsettled;
  readonly hooks: ReadonlyMap<string, NodeHooks>;
  readonly readTraffic: ReadTraffic;
  readonly operate: (
    kind: OperationKind,
    node: string,
    onProgress: OnProgress,
    options: OperationOptions,
  ) => Promise<OperationReport>;
  /** Resolves when no operation is under way on the node; rejects when the controller stops. */
  readonly untilFree: (node: string) => Promise<void>;
  /** Told of each report. */
  readonly onEnded: (report: RolloutReport) => void;
  readonly closing: AbortSignal;
}

/** What is asked for, and by whom. */
export interface RolloutRequest extends RolloutOptions {
  readonly by?: string | undefined;
}

/** A rollout before it begins: who takes part, and how. */
export interface DraftedRollout {
  readonly plan: RolloutPlan;
  /** Nodes that an operator has taken out. */
  readonly skipped: readonly string[];
  /** Nodes that nobody asked for. */
  readonly unasked: readonly string[];
  /** Why it would be refused as things are. */
  readonly refused?: string;
}

/** One rollout at a time over the service: what runs it, stops it, and finds it again after a restart. */
export class Rollouts {
  readonly #parts: RolloutsParts;
  #current: RunningRollout | undefined;
  #underWay: Promise<unknown> = Promise.resolve();
  #isBeginning = false;

  constructor(parts: RolloutsParts) {
    this.#parts = parts;
  }

  /** Resolves with the report however it ends. Throws `busy`, `refused`, `usage`, `noSuchNode`, `storeFailed`. */
  async run(request: RolloutRequest, onProgress: OnProgress): Promise<RolloutReport> {
    const { closing, store, clock } = this.#parts;
    closing.throwIfAborted();
    const { plan, skipped, unasked, refused } = this.draft(request);
    if (refused !== undefined) throw new LameduckError('refused', refused);
    this.#isBeginning = true;
    try {
      const { by } = request;
      const begun = { beganAt: clock.timestamp(), ...(by === undefined ? {} : { by }) };
      const kept = await store.beginRollout(beginRollout(plan, skipped), begun);
      this.#current = this.#make(kept, unasked, onProgress);
    } finally {
      this.#isBeginning = false;
    }
    const running = this.#current.run('begun');
    this.#underWay = running.catch(() => undefined);
    return running;
  }

  /** Resolves when no rollout is under way; one that waits ends when the controller does. */
  async settled(): Promise<void> {
    await this.#underWay;
  }

  /** What a rollout would be; touches nothing. Throws `busy`, `usage`, `noSuchNode`. */
  draft(request: RolloutRequest): DraftedRollout {
    this.#refuseSecond();
    const { config, records, hooks, clock } = this.#parts;
    const isMeant = meant(records, request.only);
    const nodes = names(records.filter((record) => isMeant(record) && !isTakenOut(record)));
    const { batch, canary, soakMs, success } = resolveRollout(config.rollout, request, nodes.length);
    const revertible = nodes.filter((node) => canRollBack(hooks.get(node)));
    const plan = { nodes, batch, canary, soakMs: canary === 0 ? 0 : soakMs, success, revertible };
    const left = {
      skipped: names(records.filter((record) => isMeant(record) && isTakenOut(record))),
      unasked: names(records.filter((record) => !isMeant(record))),
    };
    // a batch that the guard would refuse half-way is refused before its first node is touched
    for (const wide of [nodes.slice(0, Math.min(batch, canary)), nodes.slice(canary, canary + batch)]) {
      const verdict = withHolders(askGuard(config, records, wide), records, wide, clock);
      if (!verdict.allowed) return { plan, ...left, refused: verdict.reason };
    }
    return { plan, ...left };
  }

  /** The one under way, or the last one of this controller. */
  status(): RolloutStatus | undefined {
    return this.#current?.status();
  }

  /** What runs ends, and nothing new begins. Throws `notRunning`. */
  pause(by?: string): RolloutStatus {
    const rollout = this.#stoppable('pause');
    rollout.send({ type: 'pauseAsked', reason: by === undefined ? 'paused' : `paused by ${by}` });
    return rollout.status();
  }

  /** Goes on; where a canary could not be judged, somebody has judged now. Throws `notRunning`. */
  resume(by?: string): RolloutStatus {
    const rollout = this.#stoppable('resume');
    this.#parts.logger.info({ by }, 'rollout resumed');
    rollout.send({ type: 'resumeAsked' });
    return rollout.status();
  }

  /** What runs ends, canaries are rolled back where they can be, the rest is left alone. Throws `notRunning`. */
  abort(by?: string): RolloutStatus {
    const rollout = this.#stoppable('abort');
    rollout.send({ type: 'abortAsked', reason: by === undefined ? 'aborted' : `aborted by ${by}` });
    return rollout.status();
  }

  /**
   * Rollouts whose controller ended in them: one that waited, paused or soaking, goes on where the service ran all the
   * while; any other one is settled as aborted.
   */
  async takeUp(isAdopted: boolean): Promise<void> {
    const { store, unsettled, logger, onEnded } = this.#parts;
    const found = await store.rollouts().catch((thrown: unknown) => {
      logger.error({ reason: LameduckError.from(thrown).message }, 'rollouts not read');
      return [];
    });
    for (const kept of found) {
      if (isAdopted && this.#current?.isActive !== true && this.#canGoOn(kept)) this.#goOn(kept);
      else {
        const reason = isAdopted
          ? 'the controller ended in it; the rest was left alone'
          : 'the service was stopped in it';
        const name = `rollout/${kept.note.beganAt}`;
        const report = interruptedRollout(kept.note.state, reason);
        onEnded(report);
        await unsettled.attempt(name, () => kept.settle(report));
      }
    }
  }

  #canGoOn({ note }: RolloutRecord): boolean {
    const known = names(this.#parts.records);
    return isResumable(note.state) && note.state.plan.nodes.every((node) => known.includes(node));
  }

  #goOn(kept: RolloutRecord): void {
    const { logger } = this.#parts;
    logger.info({ id: kept.note.id, phase: kept.note.state.phase }, 'rollout taken up');
    const { plan, skipped } = kept.note.state;
    const known = [...plan.nodes, ...skipped];
    const unasked = names(this.#parts.records).filter((node) => !known.includes(node));
    this.#current = this.#make(kept, unasked, () => {});
    this.#underWay = this.#current.run('takenUp').then(
      (report) => logger.info({ result: report.result, reason: report.reason }, 'rollout ended'),
      (thrown: unknown) => logger.info({ reason: LameduckError.from(thrown).message }, 'rollout left'),
    );
  }

  #make(kept: RolloutRecord, unasked: readonly string[], onProgress: OnProgress): RunningRollout {
    const { operate } = this.#parts;
    const restart = (node: string, report: OnProgress, options: OperationOptions) =>
      operate('restart', node, report, options);
    return new RunningRollout({ ...this.#parts, restart, unasked }, kept, onProgress);
  }

  #refuseSecond(): void {
    const current = this.#current;
    const message = 'Cannot begin a rollout: one at a time is wanted';
    if (this.#isBeginning) throw new LameduckError('busy', `${message}: another one is beginning`);
    if (current?.isActive !== true) return;
    const { state, by, beganAt, running } = current.status();
    const since = formatMs(Date.parse(this.#parts.clock.timestamp()) - Date.parse(beganAt));
    const whose = by === undefined ? 'one' : `one of ${by}`;
    const at = running.length === 0 ? state : `${state} (${running.join(', ')})`;
    throw new LameduckError('busy', `${message}: ${whose} has run for ${since} and is ${at}`, {
      state,
      beganAt,
      ...(by === undefined ? {} : { by }),
    });
  }

  #stoppable(command: string): RunningRollout {
    const current = this.#current;
    if (current?.isActive === true && isStoppable(current.state)) return current;
    const got = current === undefined ? 'none' : `one that is ${current.status().state}`;
    const message = `Cannot ${command} the rollout: one under way is wanted: current value is ${got}`;
    throw new LameduckError('notRunning', message);
  }
}

function names(records: readonly NodeRecord[]): readonly string[] {
  return records.map(({ config }) => config.name);
}

/** Throws `noSuchNode`. */
function meant(
  records: readonly NodeRecord[],
  only: readonly string[] | undefined,
): (record: NodeRecord) => boolean {
  if (only === undefined) return () => true;
  const known = names(records);
  const unknown = only.find((node) => !known.includes(node));
  if (unknown === undefined) return ({ config }) => only.includes(config.name);
  const message = `Cannot find node "${unknown}": one of ${known.join(', ')} is wanted`;
  throw new LameduckError('noSuchNode', message, { node: unknown, names: known });
}
