import { LameduckError, type PoolEvent, type PoolState } from '@lameduck/core';

interface Resize {
  readonly workers: number;
  resolve(): void;
  reject(error: LameduckError): void;
}

/** Who waits for a number of workers, and why it may never be reached. */
export class Resizes {
  readonly #waiting = new Set<Resize>();

  /**
   * Resolves when so many workers are ready and no other stays; those that leave may still have requests. Rejects with
   * `startFailed` when one of them does not start (the pool goes on trying), `conflict` when another number is asked for, `busy` when the master stops.
   */
  take(workers: number, ask: () => void): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.add({ workers, resolve, reject });
      ask();
    });
  }

  /** Each step of the pool, also those that change nothing. */
  observe(event: PoolEvent, from: PoolState, to: PoolState): void {
    for (const resize of this.#waiting) {
      const error = obstacle(resize.workers, event, from, to);
      if (error === undefined && !isReached(resize.workers, to)) continue;
      this.#waiting.delete(resize);
      if (error === undefined) resize.resolve();
      else resize.reject(error);
    }
  }
}

function isReached(wanted: number, { workers }: PoolState): boolean {
  const staying = workers.filter(({ state }) => state !== 'draining');
  return staying.length === wanted && staying.every(({ state }) => state === 'ready');
}

function obstacle(
  wanted: number,
  event: PoolEvent,
  from: PoolState,
  to: PoolState,
): LameduckError | undefined {
  if (to.phase === 'stopping' || to.phase === 'stopped')
    return refuse('busy', wanted, 'a master that stays was wanted', 'a master that is stopping');
  if (to.target !== wanted)
    return refuse('conflict', wanted, 'no other request meanwhile was wanted', `one for ${to.target}`);
  const reason = to.crashes > from.crashes ? failedStart(event, from) : undefined;
  if (reason === undefined) return undefined;
  const ready = to.workers.filter(({ state }) => state === 'ready').length;
  return refuse('startFailed', wanted, 'workers that become ready were wanted', `${ready} ready, ${reason}`);
}

/** Why a worker that was to become ready did not; `undefined` for one that was. */
function failedStart(event: PoolEvent, { workers }: PoolState): string | undefined {
  const id = event.type === 'timerFired' ? event.timer.id : 'id' in event ? event.id : undefined;
  const worker = workers.find((one) => one.id === id);
  if (worker?.state !== 'booting') return undefined;
  if (worker.failure !== undefined) return worker.failure;
  if (event.type !== 'workerExited') return 'a worker was not ready in time';
  return event.signal === null
    ? `a worker exited with code ${event.code}`
    : `a worker was ended by ${event.signal}`;
}

function refuse(
  code: 'busy' | 'conflict' | 'startFailed',
  workers: number,
  wanted: string,
  got: string,
): LameduckError {
  return new LameduckError(code, `Cannot scale to "${workers}": ${wanted}: current value is ${got}`, {
    workers,
  });
}
