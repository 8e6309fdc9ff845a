import type { TrafficRates, TrafficSample } from '@lameduck/core';

/** requests, errors, p50, p99, in flight; NaN where there is no quantile. */
const cells = 5;

interface Kept {
  readonly sample: Omit<TrafficSample, 'nodes'>;
  readonly cells: Float32Array;
}

/** The last samples, packed: as objects, 15 minutes of 500 nodes would take 60 MB; so they take 10. */
export class TrafficRing {
  readonly #names: readonly string[];
  readonly #length: number;
  readonly #kept: Kept[] = [];

  constructor(names: readonly string[], length: number) {
    this.#names = names;
    this.#length = length;
  }

  add({ nodes, ...sample }: TrafficSample): void {
    const packed = new Float32Array(this.#names.length * cells);
    for (const [place, name] of this.#names.entries()) {
      const node = nodes[name];
      if (node === undefined) continue;
      const { requests, errors, p50Ms = Number.NaN, p99Ms = Number.NaN, inFlight } = node;
      packed.set([requests, errors, p50Ms, p99Ms, inFlight], place * cells);
    }
    this.#kept.push({ sample, cells: packed });
    if (this.#kept.length > this.#length) this.#kept.shift();
  }

  /** The samples from this time of day on, oldest first. */
  since(atMs: number): TrafficSample[] {
    return this.#kept.filter(({ sample }) => sample.atMs >= atMs).map((kept) => this.#unpack(kept));
  }

  #unpack({ sample, cells: packed }: Kept): TrafficSample {
    const entries = this.#names.map((name, place): [string, TrafficRates & { inFlight: number }] => {
      const at = (cell: number): number => packed[place * cells + cell] ?? 0;
      const quantiles = Number.isNaN(at(2)) ? {} : { p50Ms: at(2), p99Ms: at(3) };
      return [name, { requests: at(0), errors: at(1), ...quantiles, inFlight: at(4) }];
    });
    return { ...sample, nodes: Object.fromEntries(entries) };
  }
}
