import { type Config, LameduckError, type PauseStatus } from '@lameduck/core';
import type { Logger } from 'pino';
import { within } from './deadline.ts';
import type { EdgeSet } from './edge-set.ts';
import type { NodeRecord } from './node-record.ts';
import type { Clock } from './ports/clock.ts';
import type { Edge, EdgeStatus } from './ports/edge.ts';
import type { Store } from './ports/store.ts';
import { forgetPause, type NotedPause, notePause, readPause } from './store/pause-note.ts';
import type { Unsettled } from './unsettled.ts';

/** Most time that one edge may take to begin or end a pause. */
const edgeTimeoutMs = 15_000;
/** How often the edges are asked what is still under way. */
const pollMs = 50;
/** Under which a write that the store did not take is kept. */
const noteName = 'pause';

export interface PauseParts {
  readonly config: Config;
  readonly records: readonly NodeRecord[];
  readonly edges: EdgeSet;
  readonly store: Store;
  readonly unsettled: Unsettled;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Aborts when the controller stops. */
  readonly closing: AbortSignal;
}

/**
 * Lets all requests wait at the edges on purpose, as kamal-proxy's pause: each at most `holdMs`, then 503; the pause itself
 * lasts until `resume`. It is noted in the store before any edge is told, so that a controller that takes over finishes what this one
 * began, and its end likewise.
 */
export class ServicePause {
  readonly #parts: PauseParts;
  #noted: NotedPause | undefined;
  /** Whether it is known if there is one: the store of the controller before us could be read. */
  #isKnown = false;
  /** Edges that are being brought to what is wanted, and why one could not be, told once. */
  readonly #reviewed = new Set<Edge>();
  readonly #problems = new Map<Edge, string>();
  #tail: Promise<unknown> = Promise.resolve();

  constructor(parts: PauseParts) {
    this.#parts = parts;
  }

  get status(): PauseStatus | undefined {
    return this.#noted;
  }

  /**
   * Resolves when no edge sends on and what was under way is answered, or `drainTimeout` is over; `inFlight` is what is left. Where
   * an edge cannot hold or does not answer, all go on as before and it rejects.
   */
  async pause(by: string | undefined, holdMs: number | undefined): Promise<PauseStatus> {
    await this.#inTurn(() => this.#begin(by, holdMs));
    const inFlight = await this.#awaitQuiet();
    const noted = this.#noted as NotedPause | undefined;
    if (noted !== undefined) return { ...noted, inFlight };
    throw new LameduckError('busy', 'Cannot pause: it was resumed meanwhile');
  }

  /**
   * Resolves when every edge sends requests on again, also where there was no pause. The pause is over in any case: an edge
   * that fails, or is down, goes on as soon as it can (`review`).
   */
  async resume(): Promise<void> {
    await this.#inTurn(() => this.#end());
  }

  /** Resolves when no edge is being changed. */
  async settled(): Promise<void> {
    await this.#tail;
  }

  /** The edges have opened: they pause or go on as the controller before us had noted; after an orderly stop they go on. */
  async takeOver(isAdopted: boolean): Promise<void> {
    const { store, logger } = this.#parts;
    try {
      const noted = isAdopted ? await readPause(store) : undefined;
      this.#noted = noted;
      this.#isKnown = true;
      if (noted === undefined) return await this.resume();
      logger.warn({ ...noted }, 'the service is paused');
      const failed = await this.#onEdges((edge, signal) => edge.pause(signal, noted.holdMs));
      if (failed !== undefined) throw failed;
    } catch (thrown) {
      // the edges are as they were left, which `status` shows
      logger.error({ reason: LameduckError.from(thrown).message }, 'pause not taken over');
    }
  }

  /**
   * An edge was seen: one that was down while a pause began or ended starts as its files say. It is brought to what is
   * wanted, so that no pause stays which nobody would end.
   */
  review(edge: Edge, { paused }: EdgeStatus): void {
    const isAsWanted = (paused === undefined) === (this.#noted === undefined);
    if (isAsWanted) this.#problems.delete(edge);
    if (isAsWanted || !this.#isKnown || this.#reviewed.has(edge)) return;
    this.#reviewed.add(edge);
    void this.#inTurn(() => this.#bring(edge)).finally(() => this.#reviewed.delete(edge));
  }

  async #bring(edge: Edge): Promise<void> {
    const { clock, closing, logger } = this.#parts;
    const noted = this.#noted;
    try {
      await within(clock, edgeTimeoutMs, [closing], (signal) =>
        noted === undefined ? edge.resume(signal) : edge.pause(signal, noted.holdMs),
      );
      logger.warn(
        { edge: edge.name, paused: noted !== undefined },
        'pause of edge brought to what is wanted',
      );
    } catch (thrown) {
      const reason = LameduckError.from(thrown).message;
      if (closing.aborted || this.#problems.get(edge) === reason) return;
      this.#problems.set(edge, reason);
      logger.error(
        { edge: edge.name, paused: noted !== undefined, reason },
        'edge does not follow the pause',
      );
    }
  }

  async #begin(by: string | undefined, holdMs = this.#parts.config.availability.holdMs): Promise<void> {
    const { store, unsettled, logger, clock, closing } = this.#parts;
    // what could not be written of the pause before this one is not to be written after it
    await unsettled.settle(noteName);
    const former = this.#noted;
    const sinceMs = former?.sinceMs ?? Date.parse(clock.timestamp());
    const noted = { sinceMs, holdMs, ...(by === undefined ? {} : { by }) };
    await notePause(store, noted);
    const failed = await this.#onEdges((edge, signal) => edge.pause(signal, holdMs), closing);
    if (failed === undefined) {
      this.#noted = noted;
      this.#isKnown = true;
      logger.warn({ ...noted }, 'the service is paused');
      return;
    }
    await this.#goBackTo(former);
    throw failed;
  }

  async #goBackTo(former: NotedPause | undefined): Promise<void> {
    await this.#parts.unsettled.attempt(noteName, this.#writeNote);
    // edges that could not pause have nothing to take back
    await this.#onEdges((edge, signal) =>
      former === undefined ? edge.resume(signal) : edge.pause(signal, former.holdMs),
    );
  }

  async #end(): Promise<void> {
    const { unsettled, logger } = this.#parts;
    const wasPaused = this.#noted !== undefined;
    this.#noted = undefined;
    this.#isKnown = true;
    await unsettled.attempt(noteName, this.#writeNote);
    const failed = await this.#onEdges((edge, signal) => edge.resume(signal));
    if (failed !== undefined) throw failed;
    if (wasPaused) logger.info({}, 'the service is resumed');
  }

  /** What is wanted when the store takes it: a write that comes late never brings back what is over. */
  readonly #writeNote = async (): Promise<void> => {
    const { store } = this.#parts;
    await (this.#noted === undefined ? forgetPause(store) : notePause(store, this.#noted));
  };

  /**
   * All of them, whatever happens to one; gives the first failure. Only a beginning is given up for `closing`: what ends a
   * pause is finished, since its note is gone and nobody else would.
   */
  async #onEdges(
    change: (edge: Edge, signal: AbortSignal) => Promise<void>,
    ...closing: readonly AbortSignal[]
  ): Promise<LameduckError | undefined> {
    const { edges, clock } = this.#parts;
    const outcomes = await Promise.allSettled(
      edges.edges.map((edge) => within(clock, edgeTimeoutMs, closing, (signal) => change(edge, signal))),
    );
    const failure = outcomes.find((outcome) => outcome.status === 'rejected');
    return failure === undefined ? undefined : LameduckError.from(failure.reason);
  }

  async #awaitQuiet(): Promise<number> {
    const { clock, config, closing } = this.#parts;
    const deadline = clock.now() + config.shutdown.drainTimeoutMs;
    for (;;) {
      const inFlight = await within(clock, edgeTimeoutMs, [closing], (signal) => this.#inFlight(signal));
      const isOver = closing.aborted || this.#noted === undefined || clock.now() >= deadline;
      if (inFlight === 0 || isOver) return inFlight;
      await new Promise<void>((resolve) => clock.schedule(pollMs, resolve));
    }
  }

  async #inFlight(signal: AbortSignal): Promise<number> {
    const { records, edges } = this.#parts;
    const counts = await Promise.all(
      records.map(({ config: { name }, inFlight }) => edges.inFlight(name, signal).catch(() => inFlight)),
    );
    return counts.reduce((sum, count) => sum + count, 0);
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    const done = this.#tail.then(work);
    this.#tail = done.catch(() => undefined);
    return done;
  }
}
