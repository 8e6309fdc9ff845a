import type { NodeRecord } from '../node-record.ts';

/** What is compared of a node: everything that its status shows but times. */
type Seen = readonly unknown[];

/** Tells which nodes have changed since it was asked before, without asking anybody. */
export class NodeWatch {
  readonly #records: readonly NodeRecord[];
  #seen: readonly Seen[] = [];

  constructor(records: readonly NodeRecord[]) {
    this.#records = records;
  }

  /** From now on what differs from this moment has changed. */
  reset(): void {
    this.#seen = this.#records.map(look);
  }

  changed(): readonly NodeRecord[] {
    const before = this.#seen;
    this.reset();
    return this.#records.filter((_, place) => !isSame(this.#seen[place], before[place]));
  }
}

function look(record: NodeRecord): Seen {
  const { shown, health, process, operation, inFlight, reason, out, details } = record;
  const { change, last, verdict } = health;
  const held = operation === undefined ? [] : [operation.kind, operation.phase, operation.beganAt];
  return [
    shown.state,
    shown.since,
    out.size,
    verdict,
    change?.atMs,
    last?.detail,
    process?.pid,
    inFlight,
    reason,
    details,
    ...held,
  ];
}

function isSame(one: Seen | undefined, other: Seen | undefined): boolean {
  return one?.length === other?.length && (one ?? []).every((value, index) => value === other?.[index]);
}
