import { randomUUID } from 'node:crypto';
import { compareOrders, firstOrder, LameduckError, type RotationOrder } from '@lameduck/core';
import type { StoreChange, StoreOp } from '../ports/store.ts';
import { commit } from '../store/commit.ts';
import { type FollowParts, follow } from '../store/follow.ts';

const prefix = 'desired/rotation/';
/** etcd takes at most 128 writes in a transaction. */
const mostWrites = 100;
/** How often the store is asked again whether it takes writes. */
const retryMs = 5_000;

/** The value of one entry; `write` tells our own writes from those of others. */
interface DesiredEntry {
  readonly isOut: boolean;
  readonly write: string;
}

interface Wanted {
  readonly node: string;
  readonly isOut: boolean;
}

/**
 * What is wanted of each node on every edge: desired state in the store, one entry a node, as this process knows it. The
 * owners of the edges follow it. Where the store takes no writes an order holds in this process until it can be written:
 * health and nodes on their way back do not wait for a disk.
 */
export class DesiredRotation {
  readonly #parts: FollowParts;
  readonly #nodes: ReadonlySet<string>;
  readonly #orders = new Map<string, RotationOrder>();
  readonly #listeners = new Set<(node: string) => void>();
  /** The last write of each node: one after the other. */
  readonly #writes = new Map<string, Promise<unknown>>();
  #version = 0;
  #cancelRetry: (() => void) | undefined;

  constructor(nodes: readonly string[], parts: FollowParts) {
    this.#nodes = new Set(nodes);
    this.#parts = parts;
    parts.signal.addEventListener('abort', () => this.#cancelRetry?.());
  }

  /** Reads what is desired and makes it this: exactly `out` left out. From now on changes are followed. */
  async adopt(out: readonly string[]): Promise<void> {
    await follow(this.#parts, prefix, this.#note);
    const isLeftOut = new Set(out);
    const differing = [...this.#nodes].filter((node) => this.order(node).isOut !== isLeftOut.has(node));
    await this.#write(differing.map((node) => ({ node, isOut: isLeftOut.has(node) })));
  }

  /** Orders anew, also what was ordered before: every edge has to answer. Throws `busy` where another controller did. */
  want(node: string, isOut: boolean): Promise<RotationOrder> {
    return this.#inTurn(node, () => isOut);
  }

  /** Decides when its turn has come, and orders nothing where the decision is `undefined`. */
  async #inTurn(node: string, decide: () => boolean | undefined): Promise<RotationOrder> {
    const before = this.#writes.get(node);
    const written = (async () => {
      await before?.catch(() => {});
      const isOut = decide();
      if (isOut !== undefined) await this.#write([{ node, isOut }]);
      return this.order(node);
    })();
    this.#writes.set(node, written);
    try {
      return await written;
    } finally {
      if (this.#writes.get(node) === written) this.#writes.delete(node);
    }
  }

  order(node: string): RotationOrder {
    return this.#orders.get(node) ?? firstOrder;
  }

  /** Of the nodes of this service of which anything was ever ordered. */
  get orders(): ReadonlyMap<string, RotationOrder> {
    return this.#orders;
  }

  /** Another one after each change of the orders. */
  get version(): number {
    return this.#version;
  }

  get out(): readonly string[] {
    return [...this.#orders].filter(([, { isOut }]) => isOut).map(([node]) => node);
  }

  /** Calls back with the node whenever there is a later order for it. */
  onOrder(listener: (node: string) => void): void {
    this.#listeners.add(listener);
  }

  offOrder(listener: (node: string) => void): void {
    this.#listeners.delete(listener);
  }

  async #write(wanted: readonly Wanted[]): Promise<void> {
    for (let from = 0; from < wanted.length; from += mostWrites) {
      await this.#writeSome(wanted.slice(from, from + mostWrites));
    }
  }

  async #writeSome(wanted: readonly Wanted[]): Promise<void> {
    const write = randomUUID();
    const compare = wanted.map(({ node }) => ({ key: prefix + node, revision: this.order(node).revision }));
    const ops = wanted.map(({ node, isOut }): StoreOp & { type: 'put' } => {
      const value: DesiredEntry = { isOut, write };
      return { type: 'put', key: prefix + node, value: JSON.stringify(value) };
    });
    const [first, ...rest] = ops;
    if (first === undefined) return;
    try {
      const revision = await commit(this.#parts.store, compare, [first, ...rest]);
      if (revision === undefined) throw otherController(wanted);
      for (const { node, isOut } of wanted) this.#set(node, { isOut, revision, unwritten: 0 });
    } catch (thrown) {
      if (LameduckError.from(thrown).code !== 'storeFailed') throw thrown;
      this.#orderUnwritten(wanted, thrown);
    }
  }

  #orderUnwritten(wanted: readonly Wanted[], thrown: unknown): void {
    const nodes = wanted.map(({ node }) => node);
    const reason = LameduckError.from(thrown).message;
    this.#parts.logger.error({ nodes, reason }, 'desired state not written');
    for (const { node, isOut } of wanted) {
      const { revision, unwritten } = this.order(node);
      this.#set(node, { isOut, revision, unwritten: unwritten + 1 });
    }
    this.#cancelRetry ??= this.#parts.clock.schedule(retryMs, () => {
      this.#cancelRetry = undefined;
      void this.#writeUnwritten();
    });
  }

  async #writeUnwritten(): Promise<void> {
    const unwritten = [...this.#orders].filter(([, order]) => order.unwritten > 0);
    // each decided in its turn: an operation may have ordered otherwise by then
    await Promise.allSettled(unwritten.map(([node]) => this.#inTurn(node, () => this.#unwritten(node))));
  }

  #unwritten(node: string): boolean | undefined {
    const { isOut, unwritten } = this.order(node);
    return unwritten > 0 && !this.#parts.signal.aborted ? isOut : undefined;
  }

  readonly #note = (change: StoreChange): void => {
    if (change.type === 'delete') return;
    const { key, value, revision } = change.entry;
    const { isOut } = JSON.parse(value) as DesiredEntry;
    this.#set(key.slice(prefix.length), { isOut, revision, unwritten: 0 });
  };

  #set(node: string, order: RotationOrder): void {
    if (!this.#nodes.has(node) || compareOrders(order, this.order(node)) <= 0) return;
    this.#orders.set(node, order);
    this.#version += 1;
    for (const listener of this.#listeners) listener(node);
  }
}

function otherController(wanted: readonly Wanted[]): LameduckError {
  const names = wanted.map(({ node }) => `"${node}"`).join(', ');
  return new LameduckError(
    'busy',
    `Cannot change the rotation of ${names}: the order that was read is wanted: another controller has given a later one`,
  );
}
