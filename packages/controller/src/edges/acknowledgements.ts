import { randomUUID } from 'node:crypto';
import {
  compareOrders,
  type EdgeAck,
  type EdgeFacts,
  type EdgeOutcome,
  LameduckError,
  type RotationOrder,
} from '@lameduck/core';
import type { StoreChange, StoreOp } from '../ports/store.ts';
import { commit, storeDeadline } from '../store/commit.ts';
import { type FollowParts, follow } from '../store/follow.ts';

/** `edges/EDGE/owner` and `edges/EDGE/acks/NODE`; under one prefix, so that one watch has them in their order. */
const prefix = 'edges/';
const mostWrites = 100;

/** One answer that is to be written. */
export interface Answer {
  readonly edge: string;
  readonly node: string;
  readonly order: RotationOrder;
  readonly life: number;
  readonly outcome: EdgeOutcome;
}

interface Pending {
  readonly answer: Answer;
  readonly done: () => void;
  readonly failed: (thrown: unknown) => void;
}

/**
 * What the owners of the edges have answered, by edge and node: entries of the store, each written under the fence of its
 * owner's life. One that the store does not take is known in this process only; that is enough for who waits here.
 */
export class Acknowledgements {
  readonly #parts: FollowParts;
  readonly #lives = new Map<string, number>();
  readonly #acks = new Map<string, Map<string, EdgeAck>>();
  readonly #listeners = new Map<string, Set<() => void>>();
  #pending: Pending[] = [];

  constructor(parts: FollowParts) {
    this.#parts = parts;
  }

  async open(): Promise<void> {
    await follow(this.#parts, prefix, this.#note);
  }

  /**
   * Begins a new life of an edge's owner and gives its number: from now on nothing counts that an earlier one has
   * answered, and it can write nothing more. Throws `busy` where somebody else is doing the same.
   */
  async claim(edge: string): Promise<number> {
    const key = `${prefix}${edge}/owner`;
    const value = JSON.stringify({ owner: randomUUID() });
    let life: number | undefined;
    try {
      const now = await this.#parts.store.get(key, storeDeadline());
      const fence = [{ key, revision: now?.revision ?? 0 }];
      life = await commit(this.#parts.store, fence, [{ type: 'put', key, value }]);
    } catch (thrown) {
      const { code, message } = LameduckError.from(thrown);
      if (code !== 'storeFailed') throw thrown;
      this.#parts.logger.error({ edge, reason: message }, 'owner of edge not written');
      // no revision: what such an owner answers is known here and written nowhere
      life = (this.#lives.get(edge) ?? 0) + 0.5;
    }
    if (life === undefined) throw taken(edge);
    this.#setLife(edge, life);
    return life;
  }

  /** Resolves when who waits can know of it. Throws `busy` where another owner has the edge now. */
  async give(answer: Answer): Promise<void> {
    if (!Number.isInteger(answer.life)) return this.#set(answer);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#pending.push({ answer, done: resolve, failed: reject });
    // after this turn of the loop: what many nodes or edges answer together is one write
    if (this.#pending.length === 1) setImmediate(() => void this.#writePending());
    return promise;
  }

  /** The present life of an edge's owner; 0 while it has none. */
  lifeOf(edge: string): number {
    return this.#lives.get(edge) ?? 0;
  }

  facts(edge: string, node: string): EdgeFacts {
    return { edge, life: this.#lives.get(edge), ack: this.#acks.get(edge)?.get(node) };
  }

  /** Calls back whenever an answer about this node has come, or an edge has another owner; gives the way to end it. */
  onAnswer(node: string, listener: () => void): () => void {
    const listeners = this.#listeners.get(node) ?? new Set();
    this.#listeners.set(node, listeners.add(listener));
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0) this.#listeners.delete(node);
    };
  }

  async #writePending(): Promise<void> {
    const pending = this.#pending;
    this.#pending = [];
    for (let from = 0; from < pending.length; from += mostWrites) {
      await this.#write(pending.slice(from, from + mostWrites));
    }
  }

  async #write(pending: readonly Pending[]): Promise<void> {
    const lives = new Map(pending.map(({ answer }) => [answer.edge, answer.life]));
    const edges = [...lives.keys()];
    try {
      const fences = [...lives].map(([edge, life]) => ({ key: `${prefix}${edge}/owner`, revision: life }));
      const [first, ...rest] = pending.map(({ answer }) => ackPut(answer));
      if (first === undefined) return;
      const revision = await commit(this.#parts.store, fences, [first, ...rest]);
      if (revision === undefined) return await this.#refuse(pending, edges);
    } catch (thrown) {
      this.#parts.logger.error({ edges, reason: LameduckError.from(thrown).message }, 'answers not written');
    }
    for (const { answer, done } of pending) {
      this.#set(answer);
      done();
    }
  }

  /** One of these edges has another owner: it must not keep the others from answering. */
  async #refuse(pending: readonly Pending[], edges: readonly string[]): Promise<void> {
    if (edges.length === 1) {
      for (const { answer, failed } of pending) failed(taken(answer.edge));
      return;
    }
    for (const edge of edges) await this.#write(pending.filter(({ answer }) => answer.edge === edge));
  }

  readonly #note = (change: StoreChange): void => {
    if (change.type === 'delete') return;
    const { key, value, revision } = change.entry;
    const [, edge = '', what, node] = key.split('/');
    if (what === 'owner') this.#setLife(edge, revision);
    else if (node !== undefined) this.#set({ edge, node, ...(JSON.parse(value) as EdgeAck) });
  };

  #set({ edge, node, order, life, outcome }: Answer): void {
    const acks = this.#acks.get(edge) ?? new Map<string, EdgeAck>();
    this.#acks.set(edge, acks);
    const known = acks.get(node);
    const isLater =
      known === undefined ||
      life > known.life ||
      (life === known.life && compareOrders(order, known.order) >= 0);
    if (!isLater) return;
    acks.set(node, { order, life, outcome });
    for (const listener of this.#listeners.get(node) ?? []) listener();
  }

  #setLife(edge: string, life: number): void {
    if (life <= (this.#lives.get(edge) ?? -1)) return;
    this.#lives.set(edge, life);
    for (const listeners of this.#listeners.values()) for (const listener of listeners) listener();
  }
}

function ackPut({ edge, node, order, life, outcome }: Answer): StoreOp & { readonly type: 'put' } {
  const ack: EdgeAck = { order, life, outcome };
  return { type: 'put', key: `${prefix}${edge}/acks/${node}`, value: JSON.stringify(ack) };
}

function taken(edge: string): LameduckError {
  return new LameduckError(
    'busy',
    `Cannot answer for edge "${edge}": to be its owner is wanted: another controller owns it now`,
    { edge },
  );
}
