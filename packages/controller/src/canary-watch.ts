import {
  addTraffic,
  type CanaryJudgement,
  judgeCanary,
  type NodeTraffic,
  noTraffic,
  type SuccessCriteria,
  subtractTraffic,
} from '@lameduck/core';
import type { NodeRecord } from './node-record.ts';
import type { Clock } from './ports/clock.ts';
import type { TrafficReading } from './traffic-watch.ts';

/** How often a canary is looked at. */
const lookMs = 1000;

/** What the edges counted, as of now. */
export type ReadTraffic = () => Promise<Pick<TrafficReading, 'edges'>>;

export interface CanaryWatchParts {
  readonly clock: Clock;
  readonly records: readonly NodeRecord[];
  readonly readTraffic: ReadTraffic;
  readonly criteria: SuccessCriteria;
}

type Counted = ReadonlyMap<string, NodeTraffic>;

/** Watches canary nodes from now on, against the other nodes in the same time. */
export class CanaryWatch {
  readonly #parts: CanaryWatchParts;
  readonly #canaries: readonly string[];
  readonly #onJudged: (judgement: CanaryJudgement, isOver: boolean) => void;
  readonly #stopped = new AbortController();
  /** What was counted in the last look, by edge: an edge that is started anew begins at 0. */
  #last = new Map<string, Counted>();
  /** What came since the watch began, by node. */
  readonly #since = new Map<string, NodeTraffic>();
  #isCounting = false;
  #hasDied: string | undefined;

  constructor(
    parts: CanaryWatchParts,
    canaries: readonly string[],
    onJudged: (judgement: CanaryJudgement, isOver: boolean) => void,
  ) {
    this.#parts = parts;
    this.#canaries = canaries;
    this.#onJudged = onJudged;
  }

  /** Judges each second until it is stopped; from `ms` on the soak is over, which is said once. */
  start(ms: number): void {
    void this.#run(ms);
  }

  stop(): void {
    this.#stopped.abort();
  }

  async #run(ms: number): Promise<void> {
    const { clock } = this.#parts;
    await this.#read();
    this.#since.clear();
    const endsAt = clock.now() + ms;
    if (!this.#stopped.signal.aborted) this.#onJudged(this.#judge(false), false);
    let isOver = false;
    while (!this.#stopped.signal.aborted) {
      await this.#pause(isOver ? lookMs : Math.max(0, Math.min(lookMs, endsAt - clock.now())));
      await this.#read();
      if (this.#stopped.signal.aborted) return;
      const ends: boolean = !isOver && clock.now() >= endsAt;
      isOver ||= ends;
      this.#onJudged(this.#judge(isOver), ends);
    }
  }

  #judge(isOver: boolean): CanaryJudgement {
    const unhealthy = this.#unhealthy();
    const seen = {
      ...(unhealthy === undefined ? {} : { unhealthy }),
      ...(this.#isCounting
        ? {
            traffic: {
              canary: this.#sum((node) => this.#canaries.includes(node)),
              others: this.#sum((node) => !this.#canaries.includes(node)),
            },
          }
        : {}),
    };
    return judgeCanary(seen, this.#parts.criteria, isOver);
  }

  /** A canary that was ill for a moment has failed, also where it is well again. */
  #unhealthy(): string | undefined {
    for (const { config, process, health, operation } of this.#parts.records) {
      if (!this.#canaries.includes(config.name) || this.#hasDied !== undefined) continue;
      if (process === undefined) this.#hasDied = `node "${config.name}" has ended`;
      else if (operation !== undefined)
        this.#hasDied = `node "${config.name}" was taken by an operation (${operation.kind})`;
      else if (health.verdict === 'down')
        this.#hasDied = `node "${config.name}": ${health.change?.reason ?? health.last?.detail ?? 'checks fail'}`;
    }
    return this.#hasDied;
  }

  #sum(isMeant: (node: string) => boolean): NodeTraffic {
    return [...this.#since]
      .filter(([node]) => isMeant(node))
      .reduce<NodeTraffic>((sum, [, traffic]) => addTraffic(sum, traffic), noTraffic);
  }

  async #read(): Promise<void> {
    const { edges } = await this.#parts.readTraffic();
    for (const [edge, counted] of edges) {
      if (typeof counted === 'string') continue;
      this.#isCounting = true;
      const before = this.#last.get(edge);
      if (before !== undefined) this.#note(counted, before);
      this.#last.set(edge, counted);
    }
  }

  #note(counted: Counted, before: Counted): void {
    for (const [node, traffic] of counted) {
      const fresh = subtractTraffic(traffic, before.get(node) ?? noTraffic);
      this.#since.set(node, addTraffic(this.#since.get(node) ?? noTraffic, fresh));
    }
  }

  async #pause(ms: number): Promise<void> {
    const { signal } = this.#stopped;
    if (signal.aborted) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const end = (): void => resolve();
    const cancel = this.#parts.clock.schedule(ms, end);
    signal.addEventListener('abort', end, { once: true });
    await promise;
    cancel();
    signal.removeEventListener('abort', end);
  }
}
