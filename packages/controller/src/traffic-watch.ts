import { LameduckError, type TrafficSample } from '@lameduck/core';
import type { Logger } from 'pino';
import { Beat } from './beat.ts';
import { within } from './deadline.ts';
import type { NodeRecord } from './node-record.ts';
import type { Clock } from './ports/clock.ts';
import type { Edge, EdgeTraffic } from './ports/edge.ts';
import { DifferenceSum, type TrafficDifference } from './traffic-difference.ts';
import { TrafficRing } from './traffic-ring.ts';
import { summarize } from './traffic-summary.ts';

/** The edges are asked with every tenth beat: each second. */
const beatsToSample = 10;
const sampleMs = 1000;
/** An edge that takes longer is left out of this sample; the next one has what it counted meanwhile. */
const sampleTimeoutMs = 800;
const keptSamples = 15 * 60;

/** What one edge said: its sums, that it counts none, or nothing in time. */
export type EdgeAnswer = ReadonlyMap<string, EdgeTraffic> | 'uncounted' | 'silent';

/** What all edges said when they were asked together. */
export interface TrafficReading {
  /** Of the clock, when they were asked. */
  readonly atMs: number;
  readonly edges: ReadonlyMap<string, EdgeAnswer>;
}

type OnSample = (sample: TrafficSample) => void;
type OnReading = (reading: TrafficReading) => void;

/**
 * Asks the edges each second what they counted, while anybody wants to know. The differences are kept for 15 minutes;
 * nothing is known of times in which nobody listened.
 */
export class TrafficWatch {
  readonly #records: readonly NodeRecord[];
  readonly #edges: readonly Edge[];
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #signal: AbortSignal;
  readonly #beat: Beat;
  readonly #ring: TrafficRing;
  readonly #onSample = new Set<OnSample>();
  readonly #onReading = new Set<OnReading>();
  readonly #before = new Map<string, ReadonlyMap<string, EdgeTraffic>>();
  #last: TrafficReading | undefined;
  #asking: Promise<TrafficReading> | undefined;
  #toldAt: number | undefined;
  #leaveBeat: (() => void) | undefined;
  #isSampling = false;

  constructor(
    records: readonly NodeRecord[],
    edges: readonly Edge[],
    around: {
      readonly clock: Clock;
      readonly logger: Logger;
      readonly signal: AbortSignal;
      readonly beat?: Beat;
    },
  ) {
    this.#records = records;
    this.#edges = edges;
    this.#clock = around.clock;
    this.#logger = around.logger;
    this.#signal = around.signal;
    this.#beat = around.beat ?? new Beat(around.clock);
    const names = records.map(({ config }) => config.name);
    this.#ring = new TrafficRing(names, keptSamples);
  }

  /** Called with each sample from now on, one a second; what is returned ends that. */
  subscribe(listener: OnSample): () => void {
    return this.#join(this.#onSample, listener);
  }

  /** The same with the sums as the edges told them. */
  follow(listener: OnReading): () => void {
    return this.#join(this.#onReading, listener);
  }

  /** The samples of the last 15 minutes from this time of day on, oldest first. */
  window(sinceMs: number): readonly TrafficSample[] {
    return this.#ring.since(sinceMs);
  }

  /** What the edges say, as of now or at most a second ago. */
  async read(): Promise<TrafficReading> {
    const last = this.#last;
    if (last !== undefined && this.#clock.now() - last.atMs < sampleMs) return last;
    return this.ask();
  }

  #join<T>(listeners: Set<T>, listener: T): () => void {
    listeners.add(listener);
    this.#run();
    return () => void listeners.delete(listener);
  }

  #run(): void {
    if (this.#leaveBeat !== undefined || this.#signal.aborted) return;
    this.#before.clear();
    this.#toldAt = undefined;
    const leave = this.#beat.join(() => void this.#sample(), beatsToSample);
    this.#signal.addEventListener('abort', leave, { once: true });
    this.#leaveBeat = () => {
      leave();
      this.#signal.removeEventListener('abort', leave);
      this.#leaveBeat = undefined;
    };
  }

  async #sample(): Promise<void> {
    if (this.#onSample.size === 0 && this.#onReading.size === 0) return this.#leaveBeat?.();
    // one that takes long is waited for; the next sample is of the whole time
    if (this.#isSampling) return;
    this.#isSampling = true;
    try {
      const reading = await this.ask();
      if (this.#signal.aborted) return;
      for (const listener of this.#onReading) listener(reading);
      this.#tell(reading);
    } finally {
      this.#isSampling = false;
    }
  }

  /** What the edges say, as of now; who asks meanwhile gets the same answer. Never rejects. */
  ask(): Promise<TrafficReading> {
    this.#asking ??= this.#askEdges().finally(() => {
      this.#asking = undefined;
    });
    return this.#asking;
  }

  async #askEdges(): Promise<TrafficReading> {
    const atMs = this.#clock.now();
    const answers = await within(this.#clock, sampleTimeoutMs, [this.#signal], (signal) =>
      Promise.all(this.#edges.map((edge) => this.#askEdge(edge, signal))),
    );
    const edges = new Map(this.#edges.map((edge, place) => [edge.name, answers[place] ?? 'silent']));
    this.#last = { atMs, edges };
    return this.#last;
  }

  async #askEdge(edge: Edge, signal: AbortSignal): Promise<EdgeAnswer> {
    try {
      return (await edge.traffic(signal)) ?? 'uncounted';
    } catch (thrown) {
      this.#logger.debug({ edge: edge.name, reason: LameduckError.from(thrown).message }, 'traffic not read');
      return 'silent';
    }
  }

  #tell(reading: TrafficReading): void {
    const since = this.#toldAt;
    this.#toldAt = reading.atMs;
    const difference = this.#subtract(reading);
    if (since === undefined) return;
    const spanMs = reading.atMs - since;
    const atMs = Date.parse(this.#clock.timestamp());
    const sample = { atMs, spanMs: Math.round(spanMs), ...summarize(this.#records, reading, difference) };
    this.#ring.add(sample);
    for (const listener of this.#onSample) listener(sample);
  }

  /** Of an edge that is heard for the first time nothing is known but its sums. */
  #subtract({ edges }: TrafficReading): TrafficDifference {
    const sum = new DifferenceSum();
    for (const [edge, answer] of edges) {
      if (typeof answer === 'string') continue;
      const before = this.#before.get(edge);
      this.#before.set(edge, answer);
      if (before !== undefined) sum.add(answer, before);
    }
    return sum.difference;
  }
}
