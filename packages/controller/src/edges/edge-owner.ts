import { compareOrders, type EdgeOutcome, LameduckError, type RotationOrder } from '@lameduck/core';
import type { Logger } from 'pino';
import { within } from '../deadline.ts';
import type { Clock } from '../ports/clock.ts';
import type { Edge, EdgeProgress, EdgeStatus } from '../ports/edge.ts';
import type { Acknowledgements } from './acknowledgements.ts';
import type { DesiredRotation } from './desired-rotation.ts';
import { EdgeAnswers } from './edge-answers.ts';

/** Back-off between attempts at what an edge would not do: 0.5 s × 2ⁿ, at most 10 s. */
const firstRetryMs = 500;
const longestRetryMs = 10_000;
/** How often an edge is compared with what is desired of it. */
const auditMs = 2_000;
const statusTimeoutMs = 2_000;
/** How long an edge that was down may take to start. */
const reopenTimeoutMs = 15_000;
/** How long the files of an edge that is down may take to be written. */
const prepareTimeoutMs = 10_000;

export interface EdgeOwnerParts {
  readonly edge: Edge;
  readonly desired: DesiredRotation;
  readonly acks: Acknowledgements;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly onProgress: (edge: string, node: string, progress: EdgeProgress) => void;
  /** Told before and after each answer. */
  readonly onAnswer: (node: string, when: 'before' | 'after') => void;
  /** Told now and then of the edge while it runs and is ours. */
  readonly onSeen: (edge: Edge, status: EdgeStatus) => void;
  /** Aborts when the controller lets its edges go. */
  readonly signal: AbortSignal;
}

/** What the edge said of itself, and when: also as of which orders and answers. */
interface Seen {
  readonly status: EdgeStatus;
  readonly atMs: number;
  readonly version: string;
}

/** An order that is being applied. */
interface Task {
  readonly order: RotationOrder;
  readonly ended: AbortController;
}

/**
 * The one who acts on one edge: applies what is desired of each node and answers for it. What fails is tried again
 * until it is done or not desired any more; an edge that has died is started again, where it is ours to start.
 */
export class EdgeOwner {
  readonly #parts: EdgeOwnerParts;
  readonly #tasks = new Map<string, Task>();
  readonly #answered: EdgeAnswers;
  #seen: Seen | undefined;
  #life = 0;
  #isOpen = false;
  #failures = 0;
  #cancelRetry: (() => void) | undefined;
  #cancelAudit: (() => void) | undefined;

  constructor(parts: EdgeOwnerParts) {
    this.#parts = parts;
    this.#answered = new EdgeAnswers(parts.desired);
    parts.desired.onOrder(this.#look);
    parts.signal.addEventListener('abort', () => {
      this.#cancelRetry?.();
      this.#cancelAudit?.();
      for (const { ended } of this.#tasks.values()) ended.abort();
    });
  }

  /** Opens the edge with what is desired now, and cares for it from then on, also where that fails. */
  async open(signal: AbortSignal): Promise<void> {
    const { edge, acks, desired } = this.#parts;
    this.#life = await acks.claim(edge.name);
    try {
      await edge.open(desired.out, signal);
      this.#isOpen = true;
    } finally {
      if (!this.#parts.signal.aborted) {
        if (this.#isOpen) this.#lookAtAll();
        else this.#retryLater();
        this.#auditLater();
      }
    }
  }

  /** Whether the edge does all that is desired, and has proved it. */
  isConverged({ state, out }: EdgeStatus): boolean {
    return state === 'ready' && this.#answered.differing(out).length === 0;
  }

  readonly #look = (node: string): void => {
    const { desired, signal } = this.#parts;
    if (signal.aborted || !this.#isOwner()) return;
    const order = desired.order(node);
    const task = this.#tasks.get(node);
    if (task !== undefined) {
      // what is not desired any more need not be waited for; at its end this is called again
      if (task.order.isOut !== order.isOut) task.ended.abort();
      return;
    }
    const answered = this.#answered.get(node);
    if (answered !== undefined && compareOrders(answered.order, order) >= 0) return;
    const begun: Task = { order, ended: new AbortController() };
    this.#tasks.set(node, begun);
    void this.#apply(node, begun).finally(() => {
      this.#tasks.delete(node);
      this.#look(node);
    });
  };

  /** Not before its first answer could count, and not after another controller has begun to answer for the edge. */
  #isOwner(): boolean {
    const { acks, edge } = this.#parts;
    return this.#life > 0 && acks.lifeOf(edge.name) === this.#life;
  }

  #lookAtAll(): void {
    for (const node of this.#parts.desired.orders.keys()) this.#look(node);
  }

  async #apply(node: string, { order, ended }: Task): Promise<void> {
    const { desired, logger, edge } = this.#parts;
    const outcome = await this.#attempt(node, order, ended.signal);
    if (this.#parts.signal.aborted || desired.order(node).isOut !== order.isOut || !this.#isOwner()) return;
    this.#answered.note(node, { order, life: this.#life, outcome });
    await this.#answer(node, order, outcome);
    if (outcome.type === 'proved') {
      if (this.#failures > 0) logger.info({ edge: edge.name, node }, 'edge follows again');
      this.#failures = 0;
      return;
    }
    const reason = outcome.type === 'down' ? outcome.reason : outcome.problem.message;
    const fields = { edge: edge.name, node, out: order.isOut, outcome: outcome.type, reason };
    logger.warn(fields, 'edge has not followed');
    this.#retryLater();
  }

  async #attempt(node: string, order: RotationOrder, ended: AbortSignal): Promise<EdgeOutcome> {
    const { edge, signal, onProgress } = this.#parts;
    const either = AbortSignal.any([signal, ended]);
    const report = (progress: EdgeProgress): void => onProgress(edge.name, node, progress);
    try {
      const proof = order.isOut
        ? await edge.remove(node, report, either)
        : await edge.restore(node, report, either);
      return { type: 'proved', proof };
    } catch (thrown) {
      return this.#explain(LameduckError.from(thrown));
    }
  }

  /** An edge that is certainly down, and will start with what is desired, is another thing than one that fails. */
  async #explain({ code, message, details }: LameduckError): Promise<EdgeOutcome> {
    const isDown = code === 'notRunning' && (await this.#isPrepared());
    return isDown
      ? { type: 'down', reason: message }
      : { type: 'failed', problem: { code, message, details } };
  }

  async #isPrepared(): Promise<boolean> {
    const { edge, desired, signal } = this.#parts;
    const deadline = AbortSignal.any([signal, AbortSignal.timeout(prepareTimeoutMs)]);
    return edge.prepare(() => desired.out, deadline).catch(() => false);
  }

  async #answer(node: string, order: RotationOrder, outcome: EdgeOutcome): Promise<void> {
    const { edge, acks, logger, onAnswer } = this.#parts;
    onAnswer(node, 'before');
    try {
      await acks.give({ edge: edge.name, node, order, life: this.#life, outcome });
      onAnswer(node, 'after');
    } catch (thrown) {
      logger.error({ edge: edge.name, node, reason: LameduckError.from(thrown).message }, 'edge is not ours');
    }
  }

  #retryLater(): void {
    const { clock, signal } = this.#parts;
    if (signal.aborted || this.#cancelRetry !== undefined || !this.#isOwner()) return;
    const delayMs = Math.min(longestRetryMs, firstRetryMs * 2 ** this.#failures);
    this.#failures += 1;
    this.#cancelRetry = clock.schedule(delayMs, () => void this.#retry());
  }

  /** What is begun meanwhile is not hurried: there is one retry at a time. */
  async #retry(): Promise<void> {
    try {
      await this.#reopen();
    } finally {
      this.#cancelRetry = undefined;
      this.#answered.forget(this.#answered.unproved());
      if (this.#isOpen) this.#lookAtAll();
      else this.#retryLater();
    }
  }

  /**
   * Starts an edge that is down. Only where none of its processes lives: one that does would be forgotten, and could go on
   * sending to nodes that are out.
   */
  async #reopen(): Promise<void> {
    const { edge, desired, logger, signal } = this.#parts;
    const isDown = !this.#isOpen || (await this.#isStopped());
    if (!isDown || signal.aborted || (this.#isOpen && !(await this.#isPrepared()))) return;
    const deadline = AbortSignal.any([signal, AbortSignal.timeout(reopenTimeoutMs)]);
    try {
      await edge.open(desired.out, deadline);
      this.#isOpen = true;
      this.#failures = 0;
      // it was opened with what is desired, but each order wants its proof
      this.#answered.clear();
      logger.info({ edge: edge.name }, 'edge runs again');
    } catch (thrown) {
      const { code, message } = LameduckError.from(thrown);
      if (!signal.aborted) logger.warn({ edge: edge.name, code, reason: message }, 'edge not started');
    }
  }

  async #isStopped(): Promise<boolean> {
    return (await this.#status())?.state === 'stopped';
  }

  /** What the edge says of itself, or has said at most so long ago, if nothing was changed at it since. Rejects as the edge does. */
  async status(signal: AbortSignal, maxAgeMs: number): Promise<EdgeStatus> {
    const { edge, clock } = this.#parts;
    const seen = this.#seen;
    const isOfNow = this.#tasks.size === 0 && seen?.version === this.#answered.version;
    if (seen !== undefined && isOfNow && clock.now() - seen.atMs < maxAgeMs) return seen.status;
    const asked = { atMs: clock.now(), version: this.#answered.version };
    const status = await edge.status(signal);
    // another one who asked later may have been answered already
    if ((this.#seen?.atMs ?? 0) <= asked.atMs) this.#seen = { status, ...asked };
    return status;
  }

  async #status(): Promise<EdgeStatus | undefined> {
    const { clock, signal } = this.#parts;
    return within(clock, statusTimeoutMs, [signal], (either) => this.status(either, 0)).catch(
      () => undefined,
    );
  }

  #auditLater(): void {
    const { clock, signal } = this.#parts;
    if (signal.aborted) return;
    this.#cancelAudit = clock.schedule(auditMs, () => void this.#audit().finally(() => this.#auditLater()));
  }

  #isBusy(): boolean {
    return this.#cancelRetry !== undefined || this.#tasks.size > 0;
  }

  /** An edge that died, or that somebody has changed, is brought to what is desired. */
  async #audit(): Promise<void> {
    if (!this.#isOpen || !this.#isOwner()) return;
    const wasBusy = this.#isBusy();
    const status = await this.#status();
    const { edge, logger, signal, onSeen } = this.#parts;
    if (status === undefined || signal.aborted) return;
    if (status.state === 'ready') onSeen(edge, status);
    if (wasBusy || this.#isBusy()) return;
    if (status.state === 'stopped') this.#retryLater();
    if (status.state !== 'ready') return;
    const differing = this.#answered.differing(status.out);
    if (differing.length === 0) return;
    logger.warn({ edge: edge.name, nodes: differing }, 'edge does not what is desired: it is changed again');
    for (const node of differing) {
      this.#answered.forget([node]);
      this.#look(node);
    }
  }
}
