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
} from '@lameduck/core';
import type { Logger } from 'pino';
import type { EdgeSet } from './edge-set.ts';
import type { HealthMonitor } from './health-monitor.ts';
import type { Isolation } from './isolation.ts';
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
  readonly isolation: Isolation;
  readonly store: Store;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Told of every process that an operation started. */
  readonly onStarted: (record: NodeRecord, process: ProcessIdentity) => void;
  /** Aborts when the controller stops. */
  readonly closing: AbortSignal;
}

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
    const { clock, store, isolation } = this.#parts;
    this.#parts.closing.throwIfAborted();
    refuseBusy(record, kind, clock);
    refuseImpossible(record, kind);
    // taken before the first await: this is the lock
    record.operation = { kind, beganAt: clock.now(), phase: 'check' };
    try {
      const id = await store.begin(kind, record.config.name, clock.timestamp());
      const report = await this.#execute(kind, record, onProgress);
      await this.#settle(kind, record, report);
      await store.end(id, report);
      return report;
    } finally {
      record.operation = undefined;
      noteState(record, clock.now());
      isolation.review();
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

  #execute(kind: OperationKind, record: NodeRecord, onProgress: OnProgress): Promise<OperationReport> {
    const { config, edges, monitor, clock, logger, store, closing } = this.#parts;
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
    const around = { edges, monitor, clock, guard: this.#guard, noteTermination, observe };
    return runOperation(specOf(kind, node, config), record, around, onProgress, closing);
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
