import { type Config, LameduckError, type PauseStatus } from '@lameduck/core';
import type { Logger } from 'pino';
import { within } from './deadline.ts';
import type { EdgeSet } from './edge-set.ts';
import type { NodeRecord } from './node-record.ts';
import type { Clock } from './ports/clock.ts';
import type { Edge } from './ports/edge.ts';
import type { Store } from './ports/store.ts';
import { forgetPause, type NotedPause, notePause, readPause } from './store/pause-note.ts';
import type { Unsettled } from './unsettled.ts';

/** Most time that one edge may take to begin or end a pause. */
const edgeTimeoutMs = 15_000;
/** How often the edges are asked what is still under way. */
const pollMs = 50;

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

  /** Resolves when every edge sends requests on again, also where there was no pause. */
  async resume(): Promise<void> {
    await this.#inTurn(() => this.#end());
  }

  /** The edges have opened: they pause or go on as the controller before us had noted; after an orderly stop they go on. */
  async takeOver(isAdopted: boolean): Promise<void> {
    const { store, logger } = this.#parts;
    try {
      const noted = isAdopted ? await readPause(store) : undefined;
      this.#noted = noted;
      if (noted === undefined) return await this.resume();
      logger.warn({ ...noted }, 'the service is paused');
      const failed = await this.#onEdges((edge, signal) => edge.pause(signal, noted.holdMs));
      if (failed !== undefined) throw failed;
    } catch (thrown) {
      // the edges are as they were left, which `status` shows
      logger.error({ reason: LameduckError.from(thrown).message }, 'pause not taken over');
    }
  }

  async #begin(by: string | undefined, holdMs = this.#parts.config.availability.holdMs): Promise<void> {
    const { store, logger, clock } = this.#parts;
    const former = this.#noted;
    const sinceMs = former?.sinceMs ?? Date.parse(clock.timestamp());
    const noted = { sinceMs, holdMs, ...(by === undefined ? {} : { by }) };
    await notePause(store, noted);
    const failed = await this.#onEdges((edge, signal) => edge.pause(signal, holdMs));
    if (failed === undefined) {
      this.#noted = noted;
      logger.warn({ ...noted }, 'the service is paused');
      return;
    }
    await this.#goBackTo(former);
    throw failed;
  }

  async #goBackTo(former: NotedPause | undefined): Promise<void> {
    const { store, unsettled } = this.#parts;
    await unsettled.attempt('pause', () =>
      former === undefined ? forgetPause(store) : notePause(store, former),
    );
    // edges that could not pause have nothing to take back
    await this.#onEdges((edge, signal) =>
      former === undefined ? edge.resume(signal) : edge.pause(signal, former.holdMs),
    );
  }

  async #end(): Promise<void> {
    const { store, unsettled, logger } = this.#parts;
    await unsettled.attempt('pause', () => forgetPause(store));
    const failed = await this.#onEdges((edge, signal) => edge.resume(signal));
    if (failed !== undefined) throw failed;
    if (this.#noted !== undefined) logger.info({}, 'the service is resumed');
    this.#noted = undefined;
  }

  /** All of them, whatever happens to one; gives the first failure. */
  async #onEdges(
    change: (edge: Edge, signal: AbortSignal) => Promise<void>,
  ): Promise<LameduckError | undefined> {
    const { edges, clock, closing } = this.#parts;
    const outcomes = await Promise.allSettled(
      edges.edges.map((edge) => within(clock, edgeTimeoutMs, [closing], (signal) => change(edge, signal))),
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
