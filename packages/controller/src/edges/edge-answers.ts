import { type EdgeAck, unconverged } from '@lameduck/core';
import type { DesiredRotation } from './desired-rotation.ts';

/** The last answers of one edge in this life of its owner, by node. */
export class EdgeAnswers {
  readonly #desired: DesiredRotation;
  readonly #answered = new Map<string, EdgeAck>();
  #changes = 0;
  #compared: { readonly asOf: string; readonly nodes: readonly string[] } | undefined;

  constructor(desired: DesiredRotation) {
    this.#desired = desired;
  }

  /** Another one after each answer, and after each change of what is desired. */
  get version(): string {
    return `${this.#desired.version}-${this.#changes}`;
  }

  get(node: string): EdgeAck | undefined {
    return this.#answered.get(node);
  }

  note(node: string, ack: EdgeAck): void {
    this.#changes += 1;
    this.#answered.set(node, ack);
  }

  /** Each of these nodes has to be answered anew. */
  forget(nodes: readonly string[]): void {
    this.#changes += 1;
    for (const node of nodes) this.#answered.delete(node);
  }

  clear(): void {
    this.forget([...this.#answered.keys()]);
  }

  /** The nodes of which an order is not proved. */
  unproved(): readonly string[] {
    return [...this.#answered].flatMap(([node, { outcome }]) => (outcome.type === 'proved' ? [] : [node]));
  }

  /** The nodes of which an edge that leaves these out does not what is desired. Asked each second, while little changes. */
  differing(out: readonly string[]): readonly string[] {
    const asOf = `${this.version} ${out.join()}`;
    if (this.#compared?.asOf !== asOf)
      this.#compared = { asOf, nodes: unconverged(this.#desired.orders, this.#answered, out) };
    return this.#compared.nodes;
  }
}
