import { type NodeRecord, noteState } from '../node-record.ts';

/** What is compared of a node: everything that its status shows but times. */
type Seen = ReturnType<typeof look>;

/**
 * Tells which nodes have changed since it was asked before, without asking anybody. It is asked ten times a second for
 * hundreds of nodes of which few have changed: those that have not cost a few comparisons and no memory.
 */
export class NodeWatch {
  readonly #records: readonly NodeRecord[];
  #seen: Seen[] = [];

  constructor(records: readonly NodeRecord[]) {
    this.#records = records;
  }

  /** From now on what differs from this moment has changed. */
  reset(): void {
    this.#seen = this.#records.map(look);
  }

  /** `now` is when a state that is new has begun. */
  changed(now: number): readonly NodeRecord[] {
    const changed: NodeRecord[] = [];
    // without an iterator: this runs ten times a second, and mostly finds nothing
    for (let place = 0; place < this.#records.length; place += 1) {
      const record = this.#records[place];
      if (record === undefined || isAsSeen(record, this.#seen[place])) continue;
      noteState(record, now);
      this.#seen[place] = look(record);
      changed.push(record);
    }
    return changed;
  }
}

function look(record: NodeRecord) {
  const { shown, health, process, operation, inFlight, weight, leavingPid, reason, out, details } = record;
  return {
    state: shown.state,
    since: shown.since,
    reasonsOut: out.size,
    verdict: health.verdict,
    changedAt: health.change?.atMs,
    lastCheck: health.last?.detail,
    pid: process?.pid,
    ...{ inFlight, weight, leavingPid, reason, details },
    kind: operation?.kind,
    phase: operation?.phase,
    beganAt: operation?.beganAt,
  };
}

function isAsSeen(record: NodeRecord, seen: Seen | undefined): boolean {
  const { shown, health, operation } = record;
  return (
    seen !== undefined &&
    seen.state === shown.state &&
    seen.since === shown.since &&
    seen.inFlight === record.inFlight &&
    seen.weight === record.weight &&
    seen.leavingPid === record.leavingPid &&
    seen.details === record.details &&
    seen.reasonsOut === record.out.size &&
    seen.pid === record.process?.pid &&
    seen.reason === record.reason &&
    isHealthAsSeen(health, seen) &&
    seen.kind === operation?.kind &&
    seen.phase === operation?.phase &&
    seen.beganAt === operation?.beganAt
  );
}

function isHealthAsSeen({ verdict, change, last }: NodeRecord['health'], seen: Seen): boolean {
  return seen.verdict === verdict && seen.changedAt === change?.atMs && seen.lastCheck === last?.detail;
}
