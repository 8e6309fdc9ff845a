import {
  LameduckError,
  type OperationEvent,
  type OperationReport,
  type OperationSpec,
  type PhaseName,
} from '@lameduck/core';
import { isPartlyOut } from './edge-set.ts';
import type { ShellEffect } from './effect-point.ts';
import type { NodeRecord } from './node-record.ts';
import type { OperationSurroundings } from './operation-surroundings.ts';
import type { Clock } from './ports/clock.ts';
import type { EdgeProgress, Proof } from './ports/edge.ts';
import type { ProcessIdentity } from './ports/node-runner.ts';
import { rollBackNode } from './roll-back.ts';
import type { OnProgress } from './run-operation.ts';

/** How often the edges are asked for the requests in flight while an operation waits for them to end. */
const inFlightPollMs = 20;

/** An event before the clock has been read. */
export type UntimedEvent = DistributiveOmit<OperationEvent, 'at'>;
export type Send = (event: UntimedEvent) => void;
type DistributiveOmit<T, K extends keyof T> = T extends unknown ? Omit<T, K> : never;

/** What was thrown, as the event that ends an operation. */
export function failure(thrown: unknown): Extract<UntimedEvent, { type: 'failed' }> {
  const { code, message } = LameduckError.from(thrown);
  return { type: 'failed', code, reason: message };
}

/**
 * What is noted before an effect that touches the world. Up to the signal, a store that cannot take the note ends the
 * operation; from then on the way back counts more, and what was noted last leads to it as well.
 */
const notes: Partial<Record<ShellEffect, { readonly phase: PhaseName; readonly isRequired: boolean }>> = {
  remove: { phase: 'remove', isRequired: true },
  terminate: { phase: 'terminate', isRequired: true },
  awaitExit: { phase: 'wait', isRequired: false },
  kill: { phase: 'kill', isRequired: false },
  deploy: { phase: 'deploy', isRequired: false },
  rollBack: { phase: 'rollBack', isRequired: false },
  start: { phase: 'start', isRequired: false },
  restore: { phase: 'return', isRequired: false },
};

/** The effects that touch the world; each ends as one event. What ends after the operation is of no interest. */
export class OperationShell {
  readonly #spec: OperationSpec;
  readonly #record: NodeRecord;
  readonly #around: OperationSurroundings;
  readonly #onProgress: OnProgress;
  readonly #signal: AbortSignal;
  readonly #send: Send;
  readonly #node: string;
  #refusal: string | undefined;
  #proofs: readonly Proof[] = [];
  #sessions = 0;
  #isRolledBack = false;
  /** Of the process that was started last: nothing of it counts any more once it is rolled back. */
  #startGivenUp = new AbortController();

  constructor(
    spec: OperationSpec,
    record: NodeRecord,
    around: OperationSurroundings,
    onProgress: OnProgress,
    signal: AbortSignal,
    send: Send,
  ) {
    this.#spec = spec;
    this.#record = record;
    this.#around = around;
    this.#onProgress = onProgress;
    this.#signal = signal;
    this.#send = send;
    this.#node = spec.node;
  }

  /** The report with what only the edges can tell. */
  complete(report: OperationReport): OperationReport {
    return this.#sessions === 0 ? report : { ...report, sessions: this.#sessions };
  }

  /** `reason`: of an effect that has one. */
  run(effect: ShellEffect, reason?: string): void {
    // what is waited for meanwhile may see the process end: this effect is about the one that there was
    const process = this.#record.process;
    this.#attempt(async () => {
      await this.#note(effect);
      if (this.#signal.aborted) return;
      this.#reach(effect, 'before');
      const event = await this.#effects[effect](process, reason);
      if (event === undefined) return;
      this.#reach(effect, 'after');
      this.#send(event);
    });
  }

  readonly #effects: Readonly<
    Record<
      ShellEffect,
      (process: ProcessIdentity | undefined, reason?: string) => Promise<UntimedEvent | undefined>
    >
  > = {
    checkGuard: async () => this.#checkGuard(),
    awaitTurn: async () => {
      await this.#around.turn(this.#signal);
      return { type: 'turnCame' };
    },
    overruleGuard: async () => {
      this.#around.overruleGuard(this.#record);
      return { type: 'guardPassed', overruled: this.#refusal ?? '' };
    },
    remove: async () => {
      try {
        const wasOut = [...this.#record.out].some((reason) => reason !== 'operation');
        const { edges } = this.#around;
        const options = { wasOut, hasTime: this.#hasTime() };
        const removal = await edges.remove(this.#node, this.#onEdge, this.#signal, options);
        this.#proofs = removal.proofs;
        return { type: 'removed', edges: removal.proofs, unproven: removal.unproven };
      } catch (thrown) {
        // a node that is out for its health is brought back on all edges, however often that fails
        if (isPartlyOut(thrown)) this.#record.out.add('health');
        throw thrown;
      }
    },
    watchInFlight: () => this.#watchInFlight(),
    terminate: async (process) => {
      this.#sessions = await this.#around.edges.sessions(this.#node, this.#signal).catch(() => 0);
      await this.#record.runner.terminate(running(process, this.#node));
      return { type: 'signalled' };
    },
    awaitExit: async (process) => {
      // of an operation that is resumed it may have ended long ago
      if (process === undefined) return { type: 'exited' };
      await this.#record.runner.exited(process, this.#signal);
      this.#record.process = undefined;
      return { type: 'exited' };
    },
    kill: async (process) => {
      const pids = await this.#record.runner.kill(running(process, this.#node));
      this.#record.process = undefined;
      return { type: 'killed', pids };
    },
    deploy: async () => {
      try {
        await this.#around.hooks?.run('beforeStart', { action: 'deploy' }, this.#signal);
        return { type: 'deployed' };
      } catch (thrown) {
        const { details } = LameduckError.from(thrown);
        return { ...failure(thrown), ...(details['hasRun'] === true ? {} : { isUntouched: true }) };
      }
    },
    rollBack: async (process, reason) => {
      const { clock, hooks } = this.#around;
      this.#startGivenUp.abort();
      const parts = { clock, hooks, limits: this.#spec.limits, reason };
      const event = await rollBackNode(this.#record, process, parts, this.#signal);
      this.#isRolledBack = true;
      return event;
    },
    start: () => this.#start(),
    abandonStart: async () => {
      this.#startGivenUp.abort();
      return undefined;
    },
    awaitHealth: async () => {
      await this.#around.monitor.risen(this.#record, this.#signal);
      return { type: 'healthRisen' };
    },
    restore: async () => {
      const { unproven } = await this.#around.edges.restore(this.#node, this.#onEdge, this.#signal);
      return { type: 'restored', unproven };
    },
  };

  /** A node that fails, or that leaves in any case, is taken out at once. */
  #hasTime(): boolean {
    const { process, health } = this.#record;
    return process !== undefined && health.verdict !== 'down' && this.#spec.patienceMs === undefined;
  }

  #checkGuard(): UntimedEvent {
    const verdict = this.#around.guard(this.#record);
    if (verdict.allowed) return { type: 'guardPassed' };
    const isNews = verdict.reason !== this.#refusal;
    this.#refusal = verdict.reason;
    if (isNews) this.#onProgress({ type: 'waiting', node: this.#node, reason: verdict.reason });
    return { type: 'guardRefused', reason: verdict.reason };
  }

  /** An edge that does not answer for once ends nothing: the deadlines of the operation bound the wait. */
  async #watchInFlight(): Promise<undefined> {
    for (let known: number | undefined; !this.#signal.aborted && known !== 0; ) {
      const count = await this.#around.edges.inFlight(this.#node, this.#signal).catch(() => known);
      if (count !== undefined && count !== known) this.#reportInFlight(count);
      known = count;
      await pause(this.#around.clock, inFlightPollMs, this.#signal);
    }
  }

  async #start(): Promise<UntimedEvent> {
    const identity = await this.#startOrGiveUp();
    this.#record.process = identity;
    const { signal } = this.#startGivenUp;
    this.#attempt(async () => {
      const log = await this.#untilDeath(identity, signal);
      if (log === undefined) return;
      this.#record.process = undefined;
      const reason = `Cannot start node "${this.#node}": it ended before it was ready: ${log.trimEnd()}`;
      this.#send({ type: 'failed', code: 'startFailed', reason });
    });
    return { type: 'started' };
  }

  /** The end of its log; `undefined` once it is none of our business. */
  async #untilDeath(identity: ProcessIdentity, givenUp: AbortSignal): Promise<string | undefined> {
    const either = AbortSignal.any([givenUp, this.#signal]);
    try {
      const log = await this.#record.runner.died(identity, either);
      return givenUp.aborted ? undefined : log;
    } catch (thrown) {
      if (givenUp.aborted) return undefined;
      throw thrown;
    }
  }

  /** A start that takes too long ends, with nothing left of it, before the node can be rolled back. */
  async #startOrGiveUp(): Promise<ProcessIdentity> {
    this.#startGivenUp = new AbortController();
    const { signal } = this.#startGivenUp;
    try {
      return await this.#record.runner.start(AbortSignal.any([signal, this.#signal]));
    } catch (thrown) {
      if (!signal.aborted || this.#signal.aborted) throw thrown;
      const ms = this.#spec.limits.startupMs;
      throw new LameduckError('startFailed', `node "${this.#node}" has not started ${ms} ms after its start`);
    }
  }

  async #note(effect: ShellEffect): Promise<void> {
    const note = notes[effect];
    if (note === undefined) return;
    try {
      await this.#around.note(note.phase, this.#proofs, this.#isRolledBack);
    } catch (thrown) {
      // whoever has lost the lock may not act at all
      if (note.isRequired || LameduckError.from(thrown).code === 'busy') throw thrown;
    }
  }

  #reach(effect: ShellEffect, when: 'before' | 'after'): void {
    this.#around.onEffect({ operation: this.#spec.kind, node: this.#node, effect, when });
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

function running(process: ProcessIdentity | undefined, node: string): ProcessIdentity {
  if (process !== undefined) return process;
  throw new LameduckError('notRunning', `Cannot signal node "${node}": it does not run`);
}

async function pause(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  const cancel = clock.schedule(ms, resolve);
  signal.addEventListener('abort', resolve as () => void, { once: true });
  await promise;
  cancel();
  signal.removeEventListener('abort', resolve as () => void);
}
