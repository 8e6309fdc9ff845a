import {
  type Config,
  interruptedReport,
  LameduckError,
  type OperationEvent,
  type OperationKind,
  type OperationReport,
  type OperationSpec,
  type OperationState,
  type ResumePhase,
} from '@lameduck/core';
import type { Changes } from './changes.ts';
import type { EdgeSet } from './edge-set.ts';
import type { OperationFeed } from './events/operation-feed.ts';
import { askGuard, type GuardVerdict, withHolders } from './guard.ts';
import { type NodeRecord, noteState } from './node-record.ts';
import { type BookParts, OperationBook, type Wanted } from './operation-book.ts';
import {
  type OperationOptions,
  operationSpec,
  patienceWithin,
  requestedSpec,
  resumedSpec,
} from './operation-spec.ts';
import type { OperationSurroundings } from './operation-surroundings.ts';
import type { NodeHooks } from './ports/node-hooks.ts';
import type { ProcessIdentity } from './ports/node-runner.ts';
import { refuseBusy, refuseImpossible, refuseLeave } from './refusals.ts';
import { type OnProgress, runOperation } from './run-operation.ts';
import type { NotedOperation, OperationRecord } from './store/operation-log.ts';

export interface OperationsParts extends BookParts {
  readonly config: Config;
  readonly records: readonly NodeRecord[];
  readonly edges: EdgeSet;
  /** Told of every process that an operation started. */
  readonly onStarted: (record: NodeRecord, process: ProcessIdentity) => void;
  /** Told when a node's lock is free again. */
  readonly onReleased: (record: NodeRecord) => void;
  /** By node, of those that have any. */
  readonly hooks: ReadonlyMap<string, NodeHooks>;
  /** Told of each operation with its id in the history; gives where to tell what happens in it. */
  readonly tell: OperationFeed['begin'];
  readonly changes: Changes;
  /** Whether nodes end with the controller; else what it leaves under way is settled by the next one. */
  readonly isOwner: boolean;
  /** Aborts when the controller stops. */
  readonly closing: AbortSignal;
}

/** What a node tells that was sent SIGTERM by somebody else. */
export interface LeaveRequest {
  /** Of its main process. */
  readonly pid: number;
  /** How long it serves on, at most, until it is released. */
  readonly waitMs: number;
}

/** Every operation goes through here: one at a time for each node, guarded, recorded. */
export class Operations {
  readonly #parts: OperationsParts;
  readonly #book: OperationBook;
  readonly #underWay = new Set<Promise<unknown>>();

  constructor(parts: OperationsParts) {
    this.#parts = parts;
    this.#book = new OperationBook(parts);
  }

  /** Resolves with the report however the operation ends. Throws `busy`, `notRunning`, `usage`. */
  async run(
    kind: OperationKind,
    record: NodeRecord,
    onProgress: OnProgress,
    options: OperationOptions = {},
  ): Promise<OperationReport> {
    this.#parts.closing.throwIfAborted();
    refuseBusy(record, kind, this.#parts.clock);
    refuseImpossible(record, kind);
    const hooks = this.#parts.hooks.get(record.config.name);
    const spec = requestedSpec(kind, record, this.#parts.config, hooks, options);
    return this.#perform(spec, record, onProgress, 'byOperator', { by: options.by });
  }

  /**
   * A node of ours was sent SIGTERM by somebody else and serves on: it is restarted like any other, when it is its
   * turn, so that nodes signalled at once never leave at once while their deadlines allow. Throws `notRunning` for
   * a process that is not the node's.
   */
  async leave(
    record: NodeRecord,
    { pid, waitMs }: LeaveRequest,
    onProgress: OnProgress,
  ): Promise<OperationReport> {
    const { clock, closing, changes, config } = this.#parts;
    closing.throwIfAborted();
    const patientUntil = clock.now() + patienceWithin(waitMs);
    const node = record.config.name;
    refuseLeave(record, pid);
    record.leavingPid = pid;
    try {
      while (record.operation !== undefined) {
        const reason = `an operation is under way: ${record.operation.kind}`;
        onProgress({ type: 'waiting', node, reason });
        await changes.next(closing);
        refuseLeave(record, pid);
      }
      const spec = { ...operationSpec('restart', record, config), patienceMs: 0 };
      return await this.#perform(spec, record, onProgress, 'byNode', { patientUntil });
    } finally {
      if (record.leavingPid === pid) record.leavingPid = undefined;
    }
  }

  /** Starts a node that died; a failure is logged, the next death tries again. */
  revive(record: NodeRecord): Promise<void> {
    return this.#runUnasked('start', record);
  }

  /** Puts a node into rotation that somebody else has started; a failure is logged. */
  takeIn(record: NodeRecord): Promise<void> {
    return this.#runUnasked('ready', record);
  }

  /** Takes up an operation whose controller ended in it; resolves when it has ended, however that is. */
  async resume(
    noted: NotedOperation,
    at: ResumePhase,
    record: NodeRecord,
    signal: AbortSignal,
  ): Promise<void> {
    const { note } = noted;
    const { config, hooks } = this.#parts;
    const spec = resumedSpec(note, at, record, config, hooks.get(record.config.name));
    const kept = this.#parts.store.continueOperation(noted);
    await this.#hold(spec, record, note.by, async () => {
      const told = this.#parts.tell(spec, kept.id, () => {});
      const report = await this.#execute(spec, record, kept, told.progress, signal);
      if (this.#isLeftBehind(report, signal)) return;
      const resumed = interruptedReport(note, 'resumed', report);
      await this.#book.settle(record, report, kept, resumed);
      told.ended(resumed);
    });
  }

  /** Ends an operation whose controller ended before it had signalled: the edges are as if it had never been. */
  revert(noted: NotedOperation): Promise<void> {
    return this.#book.revert(noted);
  }

  /** Resolves when no operation is under way. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#underWay);
  }

  async #perform(
    spec: OperationSpec,
    record: NodeRecord,
    onProgress: OnProgress,
    wanted: Wanted,
    { by, patientUntil }: { readonly by?: string | undefined; readonly patientUntil?: number } = {},
  ): Promise<OperationReport> {
    const { clock, tell, closing } = this.#parts;
    return this.#hold(spec, record, by, async () => {
      const kept = await this.#book.begin(spec, record, wanted);
      const told = tell(spec, kept.id, onProgress);
      // what the store took of the node's time is gone
      const patience =
        patientUntil === undefined ? {} : { patienceMs: Math.max(0, patientUntil - clock.now()) };
      const report = await this.#execute({ ...spec, ...patience }, record, kept, told.progress, closing);
      if (!this.#isLeftBehind(report, this.#parts.closing))
        await this.#book.settle(record, report, kept, report);
      told.ended(report);
      return report;
    });
  }

  async #runUnasked(kind: 'start' | 'ready', record: NodeRecord): Promise<void> {
    try {
      refuseBusy(record, kind, this.#parts.clock);
      refuseImpossible(record, kind);
      await this.#perform(operationSpec(kind, record, this.#parts.config), record, () => {}, 'byNode');
    } catch (error) {
      const reason = LameduckError.from(error).message;
      this.#parts.logger.error({ node: record.config.name, operation: kind, reason }, 'revival failed');
    }
  }

  /** Cut short by the end of a controller that the node outlives: its note stays, as after SIGKILL. */
  #isLeftBehind({ result }: OperationReport, signal: AbortSignal): boolean {
    return !this.#parts.isOwner && result === 'failed' && signal.aborted;
  }

  /** Holds the node's lock from before the first await to the end. */
  async #hold<T>(
    spec: OperationSpec,
    record: NodeRecord,
    by: string | undefined,
    work: () => Promise<T>,
  ): Promise<T> {
    const { clock, changes, onReleased } = this.#parts;
    record.operation = { kind: spec.kind, beganAt: clock.now(), phase: spec.resumeAt ?? 'check', by };
    const working = work();
    this.#underWay.add(working);
    try {
      return await working;
    } finally {
      this.#underWay.delete(working);
      record.operation = undefined;
      onReleased(record);
      noteState(record, clock.now());
      changes.notify();
    }
  }

  /** Decides and reserves in one turn: two operations never both take the last node. */
  #guard(record: NodeRecord, spec: OperationSpec): GuardVerdict {
    const { config, records, clock } = this.#parts;
    const names = [record.config.name];
    const verdict = askGuard(config, records, names);
    if (verdict.allowed) record.out.add('operation');
    return spec.patienceMs === undefined ? withHolders(verdict, records, names, clock) : verdict;
  }

  readonly #overruleGuard = (record: NodeRecord): void => void record.out.add('operation');

  #execute(
    spec: OperationSpec,
    record: NodeRecord,
    kept: OperationRecord,
    onProgress: OnProgress,
    signal: AbortSignal,
  ): Promise<OperationReport> {
    const { edges, monitor, clock, logger, onEffect, changes } = this.#parts;
    const { kind, node } = spec;
    const observe = (event: OperationEvent, from: OperationState, to: OperationState): void => {
      if (event.type === 'started' && record.process !== undefined)
        this.#parts.onStarted(record, record.process);
      if (from.phase === to.phase) return;
      logger.info(
        { node, operation: kind, event: event.type, from: from.phase, to: to.phase },
        'operation step',
      );
    };
    const note: OperationSurroundings['note'] = (phase, proofs, isRolledBack) =>
      kept.note({
        phase,
        ...(record.process === undefined ? {} : { process: record.process }),
        ...(proofs.length === 0 ? {} : { proofs }),
        ...(isRolledBack ? { isRolledBack } : {}),
      });
    const turn = (waiting: AbortSignal): Promise<void> => changes.next(waiting);
    const guard = (asked: NodeRecord): GuardVerdict => this.#guard(asked, spec);
    const guards = { guard, overruleGuard: this.#overruleGuard, turn };
    const hooks = this.#parts.hooks.get(node);
    const around = { edges, monitor, clock, ...guards, note, hooks, onEffect, observe };
    return runOperation(spec, record, around, onProgress, signal);
  }
}
