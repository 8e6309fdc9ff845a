import {
  beginOperation,
  LameduckError,
  type OperationEffect,
  type OperationEvent,
  type OperationProgress,
  type OperationReport,
  type OperationSpec,
  type OperationState,
  type OperationTimer,
  runMachine,
  stepOperation,
} from '@lameduck/core';
import type { EdgeSet } from './edge-set.ts';
import type { HealthMonitor } from './health-monitor.ts';
import { type NodeRecord, noteState } from './node-record.ts';
import type { Clock } from './ports/clock.ts';
import type { EdgeProgress } from './ports/edge.ts';
import type { ProcessIdentity } from './ports/node-runner.ts';

/** How often the edges are asked for the requests in flight while an operation waits for them to end. */
const inFlightPollMs = 20;

export type OnProgress = (progress: OperationProgress) => void;

/** What an operation needs of the controller around it. */
export interface OperationSurroundings {
  readonly edges: EdgeSet;
  readonly monitor: HealthMonitor;
  readonly clock: Clock;
  /** Decides and, where it allows, reserves in the same turn: two operations never both take the last node. */
  readonly guard: (
    record: NodeRecord,
  ) => { readonly allowed: true } | { readonly allowed: false; readonly reason: string };
  /** The same against the guard's will, for a node that leaves in any case. */
  readonly overruleGuard: (record: NodeRecord) => void;
  /** Resolves when the guard may decide otherwise. */
  readonly turn: (signal: AbortSignal) => Promise<void>;
  /** Resolves when it is durable that the node's process is about to be sent SIGTERM. */
  readonly noteTermination: (record: NodeRecord) => Promise<void>;
  readonly observe: (event: OperationEvent, from: OperationState, to: OperationState) => void;
}

type Send = (event: DistributiveOmit<OperationEvent, 'at'>) => void;
type DistributiveOmit<T, K extends keyof T> = T extends unknown ? Omit<T, K> : never;

/** Runs one operation to its report. Never rejects: what goes wrong is in the report. */
export function runOperation(
  spec: OperationSpec,
  record: NodeRecord,
  around: OperationSurroundings,
  onProgress: OnProgress,
  signal: AbortSignal,
): Promise<OperationReport> {
  const { promise, resolve } = Promise.withResolvers<OperationReport>();
  const ended = new AbortController();
  const timers = new Map<OperationTimer, () => void>();
  const send: Send = (event) => machine.send({ ...event, at: around.clock.now() } as OperationEvent);
  const shell = new OperationShell(record, around, onProgress, AbortSignal.any([signal, ended.signal]), send);

  function perform(effect: OperationEffect): void {
    if (effect.type === 'startTimer') {
      const { timer, ms } = effect;
      timers.get(timer)?.();
      timers.set(
        timer,
        around.clock.schedule(ms, () => send({ type: 'timerExpired', timer })),
      );
    } else if (effect.type === 'cancelTimer') {
      timers.get(effect.timer)?.();
    } else if (effect.type === 'finish') {
      ended.abort();
      resolve(effect.report);
    } else {
      shell[effect.type]();
    }
  }

  const machine = runMachine(stepOperation, beginOperation(spec), perform, (event, from, to) => {
    around.observe(event, from, to);
    reportPhase(spec.node, record, from, to, onProgress);
    noteState(record, around.clock.now());
  });
  signal.addEventListener('abort', () => send(failure(signal.reason)), { once: true, signal: ended.signal });
  send({ type: 'begun' });
  return promise;
}

function reportPhase(
  node: string,
  record: NodeRecord,
  from: OperationState,
  to: OperationState,
  onProgress: OnProgress,
): void {
  if (from.phase === to.phase) return;
  const phases = to.phase === 'done' ? to.report.phases : to.phase === 'idle' ? [] : to.phases;
  const last = phases.at(-1);
  if (from.phase !== 'idle' && last !== undefined) {
    onProgress({ type: 'phaseEnded', node, phase: last.name, ms: last.ms });
  }
  if (to.phase === 'done' || to.phase === 'idle') return;
  if (record.operation !== undefined) record.operation.phase = to.phase;
  onProgress({ type: 'phase', node, phase: to.phase });
}

function failure(thrown: unknown): { type: 'failed'; code: LameduckError['code']; reason: string } {
  const { code, message } = LameduckError.from(thrown);
  return { type: 'failed', code, reason: message };
}

type ShellEffect = Exclude<OperationEffect['type'], 'startTimer' | 'cancelTimer' | 'finish'>;

/** The effects that touch the world; each ends as one event. What ends after the operation is of no interest. */
class OperationShell implements Record<ShellEffect, () => void> {
  readonly #record: NodeRecord;
  readonly #around: OperationSurroundings;
  readonly #onProgress: OnProgress;
  readonly #signal: AbortSignal;
  readonly #send: Send;
  readonly #node: string;
  #refusal: string | undefined;

  constructor(
    record: NodeRecord,
    around: OperationSurroundings,
    onProgress: OnProgress,
    signal: AbortSignal,
    send: Send,
  ) {
    this.#record = record;
    this.#around = around;
    this.#onProgress = onProgress;
    this.#signal = signal;
    this.#send = send;
    this.#node = record.config.name;
  }

  checkGuard(): void {
    const verdict = this.#around.guard(this.#record);
    if (verdict.allowed) this.#send({ type: 'guardPassed' });
    else this.#refuse(verdict.reason);
  }

  #refuse(reason: string): void {
    const isNews = reason !== this.#refusal;
    this.#refusal = reason;
    if (isNews) this.#onProgress({ type: 'waiting', node: this.#node, reason });
    this.#send({ type: 'guardRefused', reason });
  }

  awaitTurn(): void {
    this.#attempt(async () => {
      await this.#around.turn(this.#signal);
      this.#send({ type: 'turnCame' });
    });
  }

  overruleGuard(): void {
    this.#around.overruleGuard(this.#record);
    this.#send({ type: 'guardPassed', overruled: this.#refusal ?? '' });
  }

  remove(): void {
    this.#attempt(async () => {
      await this.#around.edges.remove(this.#node, this.#onEdge, this.#signal);
      this.#send({ type: 'removed' });
    });
  }

  watchInFlight(): void {
    this.#attempt(async () => {
      for (let known: number | undefined; !this.#signal.aborted && known !== 0; ) {
        const count = await this.#around.edges.inFlight(this.#node, this.#signal);
        if (count !== known) this.#reportInFlight(count);
        known = count;
        await pause(this.#around.clock, inFlightPollMs, this.#signal);
      }
    });
  }

  terminate(): void {
    this.#attempt(async () => {
      await this.#around.noteTermination(this.#record);
      await this.#record.runner.terminate(running(this.#record));
      this.#send({ type: 'signalled' });
    });
  }

  awaitExit(): void {
    this.#attempt(async () => {
      await this.#record.runner.exited(running(this.#record), this.#signal);
      this.#record.process = undefined;
      this.#send({ type: 'exited' });
    });
  }

  kill(): void {
    this.#attempt(async () => {
      const pids = await this.#record.runner.kill(running(this.#record));
      this.#record.process = undefined;
      this.#send({ type: 'killed', pids });
    });
  }

  start(): void {
    this.#attempt(async () => {
      const identity = await this.#record.runner.start(this.#signal);
      this.#record.process = identity;
      this.#send({ type: 'started' });
      const log = await this.#record.runner.died(identity, this.#signal);
      this.#record.process = undefined;
      const reason = `Cannot start node "${this.#node}": it ended before it was ready: ${log.trimEnd()}`;
      this.#send({ type: 'failed', code: 'startFailed', reason });
    });
  }

  awaitHealth(): void {
    this.#attempt(async () => {
      await this.#around.monitor.risen(this.#record, this.#signal);
      this.#send({ type: 'healthRisen' });
    });
  }

  restore(): void {
    this.#attempt(async () => {
      await this.#around.edges.restore(this.#node, this.#onEdge, this.#signal);
      this.#send({ type: 'restored' });
    });
  }

  #attempt(work: () => Promise<void>): void {
    work().catch((error: unknown) => {
      if (!this.#signal.aborted) this.#send(failure(error));
    });
  }

  #reportInFlight(count: number): void {
    if (this.#signal.aborted) return;
    this.#record.inFlight = count;
    this.#onProgress({ type: 'inFlight', node: this.#node, count });
    this.#send({ type: 'inFlightChanged', count });
  }

  readonly #onEdge = (edge: string, progress: EdgeProgress): void => {
    this.#onProgress({ type: 'edge', node: this.#node, edge, ...progress });
  };
}

function running(record: NodeRecord): ProcessIdentity {
  if (record.process !== undefined) return record.process;
  throw new LameduckError('notRunning', `Cannot signal node "${record.config.name}": it does not run`);
}

function pause(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const cancel = clock.schedule(ms, resolve);
  signal.addEventListener(
    'abort',
    () => {
      cancel();
      resolve();
    },
    { once: true },
  );
  return promise;
}
