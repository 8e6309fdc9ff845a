import type { MasterToWorker, WorkerCounts } from '@lameduck/core';
import type { Logger } from 'pino';

/** Node's raw object for a connection. As a `net.Socket` it would start to read, here, and swallow bytes. */
export interface ConnectionHandle {
  close(): void;
}

/** A worker as the relay needs it. */
export interface HandOffWorker {
  readonly counts: WorkerCounts;
  send(message: MasterToWorker): void;
  /** Sends a copy of the handle; false where the worker cannot be reached any more. */
  sendHandle(message: MasterToWorker, handle: ConnectionHandle): boolean;
}

/** The pool as the relay sees it. */
export interface HandOffPool {
  /** Workers that may take connections over now. */
  takers(): readonly number[];
  worker(id: number): HandOffWorker | undefined;
}

interface Transit {
  readonly from: number;
  /** Its number at the worker that gives it away. */
  readonly connection: number;
  readonly handle: ConnectionHandle;
  readonly startedAt: number;
  readonly tried: Set<number>;
  to: number;
}

/** What became of the connections of one leaving worker. */
interface Tally {
  handedOver: number;
  kept: number;
  slowestMs: number;
}

/** So many adoptions without an answer make a sibling look busy; fewer than a worker has under way at a time. */
const busyStep = 2;

/**
 * Passes connections from workers that leave to siblings. The master keeps its copy until a sibling has said that it
 * will read, which it says before it reads: if the sibling dies before, no byte is lost and another one is asked. Where
 * nobody can, the giving worker reads on from its own copy.
 */
export class HandOffRelay {
  readonly #pool: HandOffPool;
  readonly #logger: Logger;
  readonly #transits = new Map<number, Transit>();
  /** Connections given to a worker since its last beat, which its counts do not contain yet. */
  readonly #given = new Map<number, { counts: WorkerCounts; connections: number }>();
  readonly #tallies = new Map<number, Tally>();
  #next = 1;

  constructor(pool: HandOffPool, logger: Logger) {
    this.#pool = pool;
    this.#logger = logger;
  }

  /** A leaving worker offers a connection. */
  offered(from: number, connection: number, handle: ConnectionHandle): void {
    const startedAt = performance.now();
    this.#pass(this.#next++, { from, connection, handle, startedAt, tried: new Set([from]), to: from });
  }

  /** A sibling has told whether it will serve on a connection. */
  answered(by: number, number: number, isTaken: boolean): void {
    const transit = this.#transits.get(number);
    if (transit?.to !== by) return;
    if (isTaken) this.#end(number, transit, true);
    else this.#pass(number, transit);
  }

  /** A worker is gone: what it had not taken yet goes to another one. */
  exited(id: number): void {
    this.#given.delete(id);
    for (const [number, transit] of this.#transits) if (transit.to === id) this.#pass(number, transit);
    const tally = this.#tallies.get(id);
    this.#tallies.delete(id);
    if (tally === undefined) return;
    const slowestMs = Math.round(tally.slowestMs * 10) / 10;
    this.#logger.info({ worker: id, ...tally, slowestMs }, 'connections handed over');
  }

  #pass(number: number, transit: Transit): void {
    this.#transits.set(number, transit);
    for (let to = this.#choose(transit); to !== undefined; to = this.#choose(transit)) {
      transit.tried.add(to);
      transit.to = to;
      if (!this.#pool.worker(to)?.sendHandle({ type: 'adopt', connection: number }, transit.handle)) continue;
      this.#givenTo(to).connections += 1;
      return;
    }
    this.#end(number, transit, false);
  }

  /** The one with the fewest connections, unless it is slow to answer. */
  #choose({ tried }: Transit): number | undefined {
    const load = (id: number): number => {
      const waiting = [...this.#transits.values()].filter((transit) => transit.to === id).length;
      const { counts, connections } = this.#givenTo(id);
      return Math.floor(waiting / busyStep) * 1e6 + counts.open + connections;
    };
    const candidates = this.#pool.takers().filter((id) => !tried.has(id));
    return candidates.map((id) => ({ id, load: load(id) })).toSorted((a, b) => a.load - b.load)[0]?.id;
  }

  #givenTo(id: number): { counts: WorkerCounts; connections: number } {
    const counts = this.#pool.worker(id)?.counts ?? noCounts;
    const known = this.#given.get(id);
    if (known?.counts === counts) return known;
    const fresh = { counts, connections: 0 };
    this.#given.set(id, fresh);
    return fresh;
  }

  #end(number: number, { from, connection, handle, startedAt }: Transit, isTaken: boolean): void {
    this.#transits.delete(number);
    handle.close();
    const giver = this.#pool.worker(from);
    giver?.send({ type: 'handedOff', connection, isTaken });
    if (giver === undefined && !isTaken)
      this.#logger.warn({ worker: from }, 'connection closed: its worker ended and no sibling could take it');
    if (giver === undefined) return;
    const tally = this.#tallies.get(from) ?? { handedOver: 0, kept: 0, slowestMs: 0 };
    this.#tallies.set(from, tally);
    if (isTaken) tally.handedOver += 1;
    else tally.kept += 1;
    tally.slowestMs = Math.max(tally.slowestMs, performance.now() - startedAt);
  }
}

const noCounts: WorkerCounts = { open: 0, idle: 0, inFlight: 0, answered: 0, rssBytes: 0, loopLagMs: 0 };
