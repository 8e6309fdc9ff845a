import { type NodeRecord, noteState } from '../node-record.ts';

/** What is compared of a node: everything that its status shows but times. */
type Seen = ReturnType<typeof look>;

/**
 * Tells which nodes have changed since it was asked before, without asking anybody. It is asked ten times a second for
 * hundreds of nodes of which few have changed: those that were not touched cost nothing.
 */
export class NodeWatch {
  readonly #records: readonly NodeRecord[];
  readonly #seen = new Map<NodeRecord, Seen>();
  #touched = new Set<NodeRecord>();

  constructor(records: readonly NodeRecord[]) {
    this.#records = records;
    for (const record of records) record.onTouch(() => this.#touched.add(record));
  }

  /** From now on what differs from this moment has changed. */
  reset(): void {
    for (const record of this.#records) this.#seen.set(record, look(record));
    this.#touched.clear();
  }

  /** `now` is when a state that is new has begun. */
  changed(now: number): readonly NodeRecord[] {
    if (this.#touched.size === 0) return [];
    const touched = this.#touched;
    this.#touched = new Set();
    const changed: NodeRecord[] = [];
    for (const record of touched) {
      noteState(record, now);
      if (isAsSeen(record, this.#seen.get(record))) continue;
      this.#seen.set(record, look(record));
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
