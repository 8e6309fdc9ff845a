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
  /** Whether somebody has taken the node out of every edge. */
  readonly isTakenOut: () => boolean;
  /** Readiness fails; everything is still served. */
  readonly turnLameDuck: () => void;
  /** All workers leave gracefully; so much of the graceful timeout is over. Again after every further SIGTERM. */
  readonly leave: (spentMs: number) => void;
}

/**
 * From SIGTERM to the stop of the workers. A node that nobody took out of rotation before still gets requests: it
 * asks its controller, which makes an operation of it, and serves on until that releases it.
 *
 *   serving ──SIGTERM, taken out before, or no controller─────────────────► leaving
 *      └──SIGTERM──► announcing ──released──────────────────────────────────►│
 *                        └──no answer, a refusal, its end, or the wait is over─►│
 */
export class Departure {
  readonly #parts: DepartureParts;
  #resolveReleased: (outcome: 'released') => void = () => undefined;
  readonly #over = new AbortController();
  #phase: 'serving' | 'announcing' | 'leaving' = 'serving';

  constructor(parts: DepartureParts) {
    this.#parts = parts;
  }

  /** SIGTERM. Whole process groups are signalled, and supervisors relay: a second one never ends the wait. */
  begin(): void {
    const { controller, isTakenOut } = this.#parts;
    if (this.#phase === 'announcing') return;
    if (this.#phase === 'leaving' || controller === undefined || isTakenOut()) this.#leave(0);
    else void this.#announce(controller);
  }

  /** No edge can pick this node any more. */
  release(): void {
    this.#resolveReleased('released');
  }

  /** The workers have left, however that came. */
  close(): void {
    this.#over.abort();
  }

  #leave(spentMs: number): void {
    this.#phase = 'leaving';
    this.#parts.leave(spentMs);
  }

  async #announce(controller: ControllerAddress): Promise<void> {
    const { graceMs, logger, turnLameDuck } = this.#parts;
    const waitMs = Math.floor(graceMs * waitShare);
    const patience = AbortSignal.any([this.#over.signal, AbortSignal.timeout(waitMs)]);
    // A release of before may have been taken back.
    const released = Promise.withResolvers<'released'>();
    this.#resolveReleased = released.resolve;
    const startedAt = performance.now();
    this.#phase = 'announcing';
    turnLameDuck();
    logger.info({ ...controller, waitMs }, 'asking the controller to be taken out of rotation');
    const outcome = await Promise.race([released.promise, askAndWait(controller, waitMs, patience)]);
    if (this.#over.signal.aborted) return;
    this.close();
    if (outcome === 'released') logger.info('the controller has taken the node out of rotation');
    else logger.warn({ reason: outcome }, 'leaving without the controller');
    this.#leave(Math.round(performance.now() - startedAt));
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
