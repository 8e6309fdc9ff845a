import { answerOf, type EdgeAnswer, LameduckError, type RotationOrder, type Verdict } from '@lameduck/core';
import { within } from '../deadline.ts';
import type { Clock } from '../ports/clock.ts';
import type { Edge, EdgeProgress, Proof } from '../ports/edge.ts';
import type { Acknowledgements } from './acknowledgements.ts';
import type { DesiredRotation } from './desired-rotation.ts';

export type OnEdgeProgress = (edge: string, progress: EdgeProgress) => void;

/** What the edges say of a change. */
export interface Rotation {
  readonly proofs: readonly Proof[];
  /** Edges that are down: nothing was to be proved, and they will start with the change. */
  readonly unproven: readonly string[];
}

/** An order that was given, and when. */
export interface GivenOrder {
  readonly node: string;
  readonly order: RotationOrder;
  readonly beganAt: number;
}

export type Judge = (answers: readonly EdgeAnswer[]) => Verdict;

export interface AnswersParts {
  readonly edges: readonly Edge[];
  readonly desired: DesiredRotation;
  readonly acks: Acknowledgements;
  readonly clock: Clock;
  /** The longest that anybody waits. */
  readonly limitMs: number;
}

/** Waits for what the edges' owners answer to an order, and tells meanwhile how they get on. */
export class RotationAnswers {
  readonly #parts: AnswersParts;
  readonly #progress = new Map<string, Set<OnEdgeProgress>>();

  constructor(parts: AnswersParts) {
    this.#parts = parts;
  }

  /** Told by the owners; goes to whoever waits for this node. */
  readonly tell = (edge: string, node: string, progress: EdgeProgress): void => {
    for (const tell of this.#progress.get(node) ?? []) tell(edge, progress);
  };

  /** Whether a later order wants the opposite. */
  isSuperseded(node: string, order: RotationOrder): boolean {
    return this.#parts.desired.order(node).isOut !== order.isOut;
  }

  /** Rejects with what an edge failed with, `busy` where a later order wants the opposite, `edgeUnproven` at the limit. */
  async judged(
    given: GivenOrder,
    judge: Judge,
    onProgress: OnEdgeProgress,
    signal: AbortSignal,
  ): Promise<Rotation> {
    const told = this.#progress.get(given.node) ?? new Set();
    this.#progress.set(given.node, told.add(onProgress));
    try {
      return await within(this.#parts.clock, this.#parts.limitMs, [signal], (either) =>
        this.#verdict(given, judge, either),
      );
    } finally {
      told.delete(onProgress);
      if (told.size === 0) this.#progress.delete(given.node);
    }
  }

  #verdict({ node, order, beganAt }: GivenOrder, judge: Judge, signal: AbortSignal): Promise<Rotation> {
    const { promise, resolve, reject } = Promise.withResolvers<Rotation>();
    const tookMs = new Map<string, number>();
    const look = (): void => {
      if (this.isSuperseded(node, order)) reject(superseded(node, order));
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
    const stop = this.#parts.acks.onAnswer(node, look);
    this.#parts.desired.onOrder(lookAt);
    signal.addEventListener('abort', abort, { once: true });
    if (signal.aborted) abort();
    look();
    return promise.finally(() => {
      stop();
      this.#parts.desired.offOrder(lookAt);
      signal.removeEventListener('abort', abort);
    });
  }

  #answers(node: string, order: RotationOrder): readonly EdgeAnswer[] {
    return this.#parts.edges.map(({ name }) => answerOf(this.#parts.acks.facts(name, node), order));
  }

  #tooLate(node: string, order: RotationOrder, signal: AbortSignal): LameduckError {
    if (signal.reason instanceof LameduckError) return signal.reason;
    const waiting = this.#answers(node, order).filter(({ type }) => type === 'waiting');
    const edges = waiting.map(({ edge }) => edge);
    const message = `Cannot change the rotation of node "${node}": the answer of every edge is wanted within ${this.#parts.limitMs} ms: none has come from ${edges.join(', ')}`;
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
