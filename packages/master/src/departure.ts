import { LameduckError } from '@lameduck/core';
import type { Logger } from 'pino';
import { announceLeave, type ControllerAddress } from './announce.ts';

/** This share of the graceful timeout may pass until the controller has taken the node out of rotation; most of what was under way ends meanwhile. */
const waitShare = 0.75;

/** What a departure works on. */
export interface DepartureParts {
  readonly controller: ControllerAddress | undefined;
  /** Most time from SIGTERM until every worker has left. */
  readonly graceMs: number;
  readonly logger: Logger;
  /** Readiness fails; everything is still served. */
  readonly turnLameDuck: () => void;
  /** All workers leave gracefully. */
  readonly stop: () => void;
}

/**
 * From SIGTERM to the stop of the workers. A node that nobody took out of rotation before still gets requests: it
 * asks its controller, which makes an operation of it, and serves on until that releases it.
 *
 *   serving ──SIGTERM, released before, or no controller──────────────────► stopping
 *      └──SIGTERM──► announcing ──released──────────────────────────────────►│
 *                        └──no answer, a refusal, its end, or the wait is over─►│
 */
export class Departure {
  readonly #parts: DepartureParts;
  readonly #released = Promise.withResolvers<'released'>();
  readonly #over = new AbortController();
  #isReleased = false;
  #isUnderWay = false;

  constructor(parts: DepartureParts) {
    this.#parts = parts;
  }

  /** SIGTERM. A second one changes nothing: whole process groups are signalled, and supervisors relay. */
  begin(): void {
    if (this.#isUnderWay) return;
    this.#isUnderWay = true;
    const { controller, stop } = this.#parts;
    if (this.#isReleased || controller === undefined) stop();
    else void this.#announce(controller).then(stop);
  }

  /** Whether no edge can pick this node any more, as whoever took it out says. */
  release(isReleased: boolean): void {
    this.#isReleased = isReleased;
    if (isReleased && this.#isUnderWay) this.#released.resolve('released');
  }

  /** The workers have left, however that came. */
  close(): void {
    this.#over.abort();
  }

  async #announce(controller: ControllerAddress): Promise<void> {
    const { graceMs, logger, turnLameDuck } = this.#parts;
    const waitMs = Math.floor(graceMs * waitShare);
    const patience = AbortSignal.any([this.#over.signal, AbortSignal.timeout(waitMs)]);
    turnLameDuck();
    logger.info({ ...controller, waitMs }, 'asking the controller to be taken out of rotation');
    const outcome = await Promise.race([this.#released.promise, askAndWait(controller, waitMs, patience)]);
    if (this.#over.signal.aborted) return;
    this.close();
    if (outcome === 'released') logger.info('the controller has taken the node out of rotation');
    else logger.warn({ reason: outcome }, 'leaving without the controller');
  }
}

/** Resolves with the reason why no release is to be expected any more; never with one. */
async function askAndWait(
  controller: ControllerAddress,
  waitMs: number,
  signal: AbortSignal,
): Promise<string> {
  try {
    const { ended } = await announceLeave(controller, waitMs, signal);
    await ended;
    return signal.aborted
      ? `it was not released within ${waitMs} ms`
      : 'the controller ended without a release';
  } catch (error) {
    return LameduckError.from(error).message;
  }
}
