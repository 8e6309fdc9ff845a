import {
  answerOf,
  type Config,
  type EdgeAnswer,
  type EdgeView,
  judgeRemoval,
  judgeReturn,
  judgeRevert,
  LameduckError,
  type Require,
  type RotationOrder,
  type Verdict,
} from '@lameduck/core';
import type { Logger } from 'pino';
import { within } from './deadline.ts';
import { Acknowledgements } from './edges/acknowledgements.ts';
import { DesiredRotation } from './edges/desired-rotation.ts';
import { EdgeOwner } from './edges/edge-owner.ts';
import type { Clock } from './ports/clock.ts';
import type { Edge, EdgeProgress, EdgeStatus, Proof } from './ports/edge.ts';
import type { Store } from './ports/store.ts';
import { edgeStatus } from './views.ts';

export type OnEdgeProgress = (edge: string, progress: EdgeProgress) => void;

/** What an edge may need beyond its own deadline: to write files, to test and to take back. */
const slackMs = 15_000;

/** What the edges say of a change. */
export interface Rotation {
  readonly proofs: readonly Proof[];
  /** Edges that are down: nothing was to be proved, and they will start with the change. */
  readonly unproven: readonly string[];
}

export interface RemoveOptions {
  /** The policy of the configuration where none is given. */
  readonly require?: Require;
  /** The node is out for another reason, too: where this fails it stays out. */
  readonly wasOut?: boolean;
  /** Sticky sessions get their time to end on the node first. */
  readonly hasTime?: boolean;
}

/** All edges of the service as one: a node is out only when every edge has proved it, as far as the policy asks for. */
export interface EdgeSet {
  readonly edges: readonly Edge[];
  /**
   * Opens every edge with these nodes left out. Rejects with the first that fails; the others go on, and so does the
   * attempt at that one.
   */
  open(out: readonly string[], signal: AbortSignal): Promise<void>;
  /** Where one edge fails, the others are put back before this rejects: nothing has changed then, or `isPartlyOut`. */
  remove(
    node: string,
    onProgress: OnEdgeProgress,
    signal: AbortSignal,
    options?: RemoveOptions,
  ): Promise<Rotation>;
  restore(node: string, onProgress: OnEdgeProgress, signal: AbortSignal): Promise<Rotation>;
  inFlight(node: string, signal: AbortSignal): Promise<number>;
  /** WebSockets and event streams that the node itself is to close. */
  sessions(node: string, signal: AbortSignal): Promise<number>;
  views(signal: AbortSignal): Promise<readonly EdgeView[]>;
  /** Nobody here changes the edges any more; they go on as they are. */
  release(): Promise<void>;
  /** Nobody changes the edges any more; those that are ours stop. */
  close(signal: AbortSignal): Promise<void>;
}

/** A place in the way of an order: written for the edges, or answered by one of them. */
export type RotationPoint = 'desire' | 'acknowledge';

export interface EdgeSetParts {
  readonly edges: readonly Edge[];
  readonly config: Config;
  readonly store: Store;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly onPoint: (point: RotationPoint, node: string, when: 'before' | 'after') => void;
  /** Told now and then of each edge while it runs and is ours. */
  readonly onSeen: (edge: Edge, status: EdgeStatus) => void;
}

/** Nobody here calls an edge to change it: what is wanted is written, the edges' owners apply it, and answer. */
export function createEdgeSet(parts: EdgeSetParts): EdgeSet {
  return new OwnedEdges(parts);
}

/** An order that was given, and when. */
interface Given {
  readonly node: string;
  readonly order: RotationOrder;
  readonly beganAt: number;
}

type Judge = (answers: readonly EdgeAnswer[]) => Verdict;

class OwnedEdges implements EdgeSet {
  readonly #parts: EdgeSetParts;
  readonly #desired: DesiredRotation;
  readonly #acks: Acknowledgements;
  readonly #owners: ReadonlyMap<Edge, EdgeOwner>;
  readonly #progress = new Map<string, Set<OnEdgeProgress>>();
  readonly #released = new AbortController();
  readonly #limitMs: number;

  constructor(parts: EdgeSetParts) {
    const { edges, config, store, clock, logger, onSeen } = parts;
    const signal = this.#released.signal;
    const kept = { store, clock, logger, signal };
    this.#parts = parts;
    this.#desired = new DesiredRotation(
      config.nodes.map(({ name }) => name),
      kept,
    );
    this.#acks = new Acknowledgements(kept);
    const shared = { desired: this.#desired, acks: this.#acks, clock, logger, signal, onSeen };
    const onProgress = (edge: string, node: string, progress: EdgeProgress): void => {
      for (const tell of this.#progress.get(node) ?? []) tell(edge, progress);
    };
    const onAnswer = (node: string, when: 'before' | 'after'): void =>
      parts.onPoint('acknowledge', node, when);
    this.#owners = new Map(
      edges.map((edge) => [edge, new EdgeOwner({ ...shared, edge, onProgress, onAnswer })]),
    );
    this.#limitMs = Math.max(...config.edges.map(({ quiesceTimeoutMs }) => quiesceTimeoutMs)) + slackMs;
  }

  get edges(): readonly Edge[] {
    return this.#parts.edges;
  }

  async open(out: readonly string[], signal: AbortSignal): Promise<void> {
    await this.#acks.open();
    await this.#desired.adopt(out);
    const owners = [...this.#owners.values()];
    const outcomes = await Promise.allSettled(owners.map((owner) => owner.open(signal)));
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
  }

  async remove(
    node: string,
    onProgress: OnEdgeProgress,
    signal: AbortSignal,
    {
      require = this.#parts.config.availability.require,
      wasOut = false,
      hasTime = false,
    }: RemoveOptions = {},
  ): Promise<Rotation> {
    const judge: Judge = (answers) => judgeRemoval(answers, require);
    if (hasTime && !wasOut) await this.#drain(node, onProgress, signal);
    const beganAt = this.#parts.clock.now();
    const order = await this.#order(node, true);
    try {
      return await this.#answered({ node, order, beganAt }, judge, onProgress, signal);
    } catch (thrown) {
      const error = LameduckError.from(thrown);
      if (wasOut || this.#isSuperseded(node, order)) throw error;
      throw (await this.#revert(node, error, signal)) ? error : partlyOut(error);
    }
  }

  async restore(node: string, onProgress: OnEdgeProgress, signal: AbortSignal): Promise<Rotation> {
    const beganAt = this.#parts.clock.now();
    const order = await this.#order(node, false);
    return this.#answered({ node, order, beganAt }, judgeReturn, onProgress, signal);
  }

  async inFlight(node: string, signal: AbortSignal): Promise<number> {
    const counts = await Promise.all(this.edges.map((edge) => edge.inFlight(node, signal)));
    return counts.reduce((sum, count) => sum + count, 0);
  }

  async sessions(node: string, signal: AbortSignal): Promise<number> {
    const counts = await Promise.all(this.edges.map((edge) => edge.sessions?.(node, signal) ?? 0));
    return counts.reduce((sum, count) => sum + count, 0);
  }

  async views(signal: AbortSignal): Promise<readonly EdgeView[]> {
    const desired = this.#desired.out;
    return Promise.all(
      [...this.#owners].map(async ([edge, owner]) => {
        const status = await edgeStatus(edge, signal);
        return { ...status, desired, isConverged: owner.isConverged(status) };
      }),
    );
  }

  async release(): Promise<void> {
    this.#released.abort();
    await Promise.allSettled(this.edges.map((edge) => edge.release()));
  }

  async close(signal: AbortSignal): Promise<void> {
    this.#released.abort();
    await Promise.allSettled(this.edges.map((edge) => edge.close(signal)));
  }

  /** No order and no proof: an edge that cannot do it does not keep the node in. */
  async #drain(node: string, onProgress: OnEdgeProgress, signal: AbortSignal): Promise<void> {
    const drainOne = async (edge: Edge): Promise<void> => {
      const report = (progress: EdgeProgress): void => onProgress(edge.name, progress);
      await edge.drain?.(node, report, signal).catch((thrown: unknown) => {
        const reason = LameduckError.from(thrown).message;
        this.#parts.logger.warn({ edge: edge.name, node, reason }, 'sticky sessions not drained');
      });
    };
    await Promise.all(this.edges.map(drainOne));
    signal.throwIfAborted();
  }

  async #order(node: string, isOut: boolean): Promise<RotationOrder> {
    this.#parts.onPoint('desire', node, 'before');
    const order = await this.#desired.want(node, isOut);
    this.#parts.onPoint('desire', node, 'after');
    return order;
  }

  /** Whether every edge but the one that failed has the node back. */
  async #revert(node: string, { details }: LameduckError, signal: AbortSignal): Promise<boolean> {
    try {
      const beganAt = this.#parts.clock.now();
      const order = await this.#order(node, false);
      const judge: Judge = (answers) => judgeRevert(answers, String(details['failedEdge'] ?? ''));
      await this.#answered({ node, order, beganAt }, judge, () => {}, signal);
      return true;
    } catch {
      return false;
    }
  }

  async #answered(
    given: Given,
    judge: Judge,
    onProgress: OnEdgeProgress,
    signal: AbortSignal,
  ): Promise<Rotation> {
    const told = this.#progress.get(given.node) ?? new Set();
    this.#progress.set(given.node, told.add(onProgress));
    try {
      return await within(this.#parts.clock, this.#limitMs, [signal], (either) =>
        this.#verdict(given, judge, either),
      );
    } finally {
      told.delete(onProgress);
      if (told.size === 0) this.#progress.delete(given.node);
    }
  }

  #verdict({ node, order, beganAt }: Given, judge: Judge, signal: AbortSignal): Promise<Rotation> {
    const { promise, resolve, reject } = Promise.withResolvers<Rotation>();
    const tookMs = new Map<string, number>();
    const look = (): void => {
      if (this.#isSuperseded(node, order)) reject(superseded(node, order));
      const answers = this.#answers(node, order);
      for (const { edge, type } of answers)
        if (type === 'proved' && !tookMs.has(edge)) tookMs.set(edge, this.#parts.clock.now() - beganAt);
      const verdict = judge(answers);
      if (verdict.type === 'done') resolve(timed(verdict, tookMs));
      if (verdict.type === 'failed') reject(failed(verdict));
    };
    const lookAt = (ordered: string): void => {
      if (ordered === node) look();
    };
    const abort = (): void => reject(this.#tooLate(node, order, signal));
    const stop = this.#acks.onAnswer(node, look);
    this.#desired.onOrder(lookAt);
    signal.addEventListener('abort', abort, { once: true });
    if (signal.aborted) abort();
    look();
    return promise.finally(() => {
      stop();
      this.#desired.offOrder(lookAt);
      signal.removeEventListener('abort', abort);
    });
  }

  #answers(node: string, order: RotationOrder): readonly EdgeAnswer[] {
    return this.edges.map(({ name }) => answerOf(this.#acks.facts(name, node), order));
  }

  #isSuperseded(node: string, order: RotationOrder): boolean {
    return this.#desired.order(node).isOut !== order.isOut;
  }

  #tooLate(node: string, order: RotationOrder, signal: AbortSignal): LameduckError {
    if (signal.reason instanceof LameduckError) return signal.reason;
    const waiting = this.#answers(node, order).filter(({ type }) => type === 'waiting');
    const edges = waiting.map(({ edge }) => edge);
    const message = `Cannot change the rotation of node "${node}": the answer of every edge is wanted within ${this.#limitMs} ms: none has come from ${edges.join(', ')}`;
    return new LameduckError('edgeUnproven', message, { node, edges });
  }
}

/** How long a proof took counts from the order, not from when its edge began. */
function timed({ proofs, unproven }: Rotation, tookMs: ReadonlyMap<string, number>): Rotation {
  const round = (ms: number): number => Math.round(ms * 10) / 10;
  return {
    proofs: proofs.map((proof) => ({ ...proof, ms: round(tookMs.get(proof.edge) ?? proof.ms) })),
    unproven,
  };
}

function failed({ edge, problem }: Extract<Verdict, { type: 'failed' }>): LameduckError {
  const { code, message, details } = problem;
  return new LameduckError(code, message, { ...details, failedEdge: edge });
}

function superseded(node: string, { isOut }: RotationOrder): LameduckError {
  const wanted = isOut ? 'out of rotation' : 'in rotation';
  const message = `Cannot bring node "${node}" ${wanted}: its last order is wanted: a later one wants the opposite`;
  return new LameduckError('busy', message, { node });
}

function partlyOut({ code, message, details }: LameduckError): LameduckError {
  return new LameduckError(code, `${message}; not every other edge could take it back yet`, {
    ...details,
    isPartlyOut: true,
  });
}

/** Whether a removal that failed has left the node out on some edge: it must be restored until that succeeds. */
export function isPartlyOut(thrown: unknown): boolean {
  return LameduckError.from(thrown).details['isPartlyOut'] === true;
}
