import type { NodeRecord } from '../node-record.ts';

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

  changed(): readonly NodeRecord[] {
    const changed: NodeRecord[] = [];
    for (const [place, record] of this.#records.entries()) {
      if (isAsSeen(record, this.#seen[place])) continue;
      this.#seen[place] = look(record);
      changed.push(record);
    }
    return changed;
  }
}

function look({ shown, health, process, operation, inFlight, weight, reason, out, details }: NodeRecord) {
  return {
    state: shown.state,
    since: shown.since,
    reasonsOut: out.size,
    verdict: health.verdict,
    changedAt: health.change?.atMs,
    lastCheck: health.last?.detail,
    pid: process?.pid,
    ...{ inFlight, weight, reason, details },
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
