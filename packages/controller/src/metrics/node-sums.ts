import { addTraffic, type NodeTraffic, noTraffic, subtractTraffic } from '@lameduck/core';
import type { TrafficReading } from '../traffic-watch.ts';

/**
 * The traffic of each node over all edges, since the first reading. Not the sum of what the edges say: that one falls
 * by a part when one of several edges is started anew, and Prometheus would take all the rest for new.
 */
export class NodeSums {
  readonly #sums = new Map<string, NodeTraffic>();
  readonly #before = new Map<string, ReadonlyMap<string, NodeTraffic>>();

  add({ edges }: TrafficReading): ReadonlyMap<string, NodeTraffic> {
    for (const [edge, answer] of edges) {
      if (typeof answer === 'string') continue;
      const before = this.#before.get(edge);
      this.#before.set(edge, answer);
      for (const [node, now] of answer) {
        const then = before?.get(node) ?? (before === undefined ? now : noTraffic);
        const sum = this.#sums.get(node) ?? noTraffic;
        this.#sums.set(
          node,
          now.requests === then.requests ? sum : addTraffic(sum, subtractTraffic(now, then)),
        );
      }
    }
    return this.#sums;
  }
}
