import {
  type Config,
  formatMs,
  guardRemoval,
  LameduckError,
  type OperationEvent,
  type OperationKind,
  type OperationReport,
  type OperationSpec,
  type OperationState,
  type PhaseName,
} from '@lameduck/core';
import type { Logger } from 'pino';
import type { Changes } from './changes.ts';
import type { EdgeSet } from './edge-set.ts';
import type { HealthMonitor } from './health-monitor.ts';
import { availability, type NodeRecord, noteState } from './node-record.ts';
import type { Clock } from './ports/clock.ts';
import type { ProcessIdentity } from './ports/node-runner.ts';
import type { Store, Wish } from './ports/store.ts';
import { type OnProgress, runOperation } from './run-operation.ts';

export interface OperationsParts {
  readonly config: Config;
  readonly records: readonly NodeRecord[];
  readonly edges: EdgeSet;
  readonly monitor: HealthMonitor;
  readonly store: Store;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Told of every process that an operation started. */
  readonly onStarted: (record: NodeRecord, process: ProcessIdentity) => void;
  readonly changes: Changes;
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

/** Of the time until a leaving node goes in any case, what it waits for its turn; the rest is for the edges. */
const patienceShare = 2 / 3;

/** What the operator wants from now on, once the operation has succeeded. */
const wishes: Readonly<Record<OperationKind, Wish>> = {
  drain: 'drained',
  stop: 'stopped',
  ready: 'ready',
  start: 'ready',
  restart: 'ready',
};

/** Every operation goes through here: one at a time for each node, guarded, recorded. */
export class Operations {
  readonly #parts: OperationsParts;

  constructor(parts: OperationsParts) {
    this.#parts = parts;
  }

  /** Resolves with the report however the operation ends. Throws `busy`, `notRunning`, `usage`. */
  async run(kind: OperationKind, record: NodeRecord, onProgress: OnProgress): Promise<OperationReport> {
    this.#parts.closing.throwIfAborted();
    refuseBusy(record, kind, this.#parts.clock);
    refuseImpossible(record, kind);
    return this.#perform(specOf(kind, record.config.name, this.#parts.config), record, onProgress);
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
    const { clock, closing, config, changes } = this.#parts;
    const deadline = clock.now() + waitMs * patienceShare;
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
      const patienceMs = Math.max(0, deadline - clock.now());
      return await this.#perform({ ...specOf('restart', node, config), patienceMs }, record, onProgress);
    } finally {
      if (record.leavingPid === pid) record.leavingPid = undefined;
    }
  }

  /** Holds the node's lock from before the first await to the end. */
  async #perform(spec: OperationSpec, record: NodeRecord, onProgress: OnProgress): Promise<OperationReport> {
    const { clock, store, changes } = this.#parts;
    const { kind } = spec;
    record.operation = { kind, beganAt: clock.now(), phase: 'check' };
    try {
      const id = await store.begin(kind, record.config.name, clock.timestamp());
      const report = await this.#execute(spec, record, onProgress);
      await this.#settle(kind, record, report);
      await store.end(id, report);
      return report;
    } finally {
      record.operation = undefined;
      noteState(record, clock.now());
      changes.notify();
    }
  }

  /** Starts a node that died; a failure is logged, the next death tries again. */
  async revive(record: NodeRecord): Promise<void> {
    try {
      await this.run('start', record, () => {});
    } catch (error) {
      const reason = LameduckError.from(error).message;
      this.#parts.logger.error({ node: record.config.name, reason }, 'revival failed');
    }
  }

  /** Decides and reserves in one turn: two operations never both take the last node. */
  readonly #guard = (record: NodeRecord): ReturnType<typeof guardRemoval> => {
    const { config, records } = this.#parts;
    const { minAvailable } = config.availability;
    const verdict = guardRemoval(records.map(availability), [record.config.name], minAvailable);
    if (verdict.allowed) record.out.add('operation');
    return verdict;
  };

  readonly #overruleGuard = (record: NodeRecord): void => void record.out.add('operation');

  #execute(spec: OperationSpec, record: NodeRecord, onProgress: OnProgress): Promise<OperationReport> {
    const { edges, monitor, clock, logger, store, closing, changes } = this.#parts;
    const { kind } = spec;
    const node = record.config.name;
    const observe = (event: OperationEvent, from: OperationState, to: OperationState): void => {
      if (event.type === 'started' && record.process !== undefined)
        this.#parts.onStarted(record, record.process);
      if (from.phase === to.phase) return;
      logger.info(
        { node, operation: kind, event: event.type, from: from.phase, to: to.phase },
        'operation step',
      );
    };
    const noteTermination = (): Promise<void> =>
      store.setWish(node, kind === 'restart' ? 'leaving' : 'stopped');
    const turn = (signal: AbortSignal): Promise<void> => changes.next(signal);
    const guards = { guard: this.#guard, overruleGuard: this.#overruleGuard, turn };
    const around = { edges, monitor, clock, ...guards, noteTermination, observe };
    return runOperation(spec, record, around, onProgress, closing);
  }

  /** What the end of an operation means for the node: why it stays out, and what the operator wants of it. */
  async #settle(kind: OperationKind, record: NodeRecord, report: OperationReport): Promise<void> {
    const { logger, store } = this.#parts;
    logger.info({ ...report }, 'operation ended');
    record.out.delete('operation');
    if (report.result === 'refused') return;
    if (report.result === 'failed') {
      record.reason = report.reason;
      keepFailedOut(record, report);
      await store.setWish(record.config.name, 'ready');
      return;
    }
    record.reason = undefined;
    const wish = wishes[kind];
    record.out.clear();
    if (wish === 'drained') record.out.add('operator');
    if (wish === 'stopped') record.out.add('stopped');
    await store.setWish(record.config.name, wish);
  }
}

/**
 * A node whose removal failed never left. One that failed later stays out for its health: as soon as its checks
 * have risen it is brought back, so a failed operation strands no node.
 */
function keepFailedOut(record: NodeRecord, report: OperationReport): void {
  const last = report.phases.at(-1)?.name;
  if (last === 'check' || last === 'remove') return;
  record.out.delete('stopped');
  record.out.add(record.process === undefined ? 'stopped' : 'health');
}

function specOf(kind: OperationKind, node: string, config: Config): OperationSpec {
  const { shutdown, startup } = config;
  return {
    kind,
    node,
    limits: {
      drainMs: shutdown.drainTimeoutMs,
      graceMs: shutdown.timeoutGracefulShutdownMs,
      marginMs: shutdown.marginMs,
      startupMs: startup.timeoutMs,
    },
  };
}

/** Phases in which the SIGTERM is our own: no edge can pick the node any more. */
const releasedPhases: readonly PhaseName[] = ['terminate', 'wait', 'kill'];

function refuseLeave({ config, process, operation }: NodeRecord, pid: number): void {
  const isReleased = operation !== undefined && releasedPhases.includes(operation.phase);
  if (process?.pid === pid && !isReleased) return;
  const got = isReleased ? 'one that is out already' : `pid ${pid}`;
  throw new LameduckError(
    'notRunning',
    `Cannot let node "${config.name}" leave: its main process in rotation is wanted (pid ${process?.pid ?? 'none'}): current value is ${got}`,
    { node: config.name, pid },
  );
}

function refuseBusy(record: NodeRecord, kind: OperationKind, clock: Clock): void {
  const held = record.operation;
  if (held === undefined) return;
  const node = record.config.name;
  const since = formatMs(clock.now() - held.beganAt);
  throw new LameduckError(
    'busy',
    `Cannot ${kind} node "${node}": one operation at a time is wanted: "${held.kind}" has run for ${since} and is at ${held.phase}`,
    { node, operation: held.kind, phase: held.phase },
  );
}

function refuseImpossible(record: NodeRecord, kind: OperationKind): void {
  const node = record.config.name;
  const isRunning = record.process !== undefined;
  if (kind === 'start') {
    if (!isRunning || record.out.size > 0) return;
    throw new LameduckError(
      'usage',
      `Cannot start node "${node}": a stopped node is wanted: it runs and is in rotation`,
    );
  }
  if (isRunning) return;
  throw new LameduckError(
    'notRunning',
    `Cannot ${kind} node "${node}": a running node is wanted: it is stopped`,
    { node },
  );
}
