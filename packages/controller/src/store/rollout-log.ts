import { LameduckError, type RolloutReport, type RolloutState } from '@lameduck/core';
import type { Store } from '../ports/store.ts';
import { commit, storeDeadline } from './commit.ts';
import { historyPut, nextId } from './history.ts';

const prefix = 'rollouts/';
/** Operations that begin meanwhile may all want the same id. */
const idAttempts = 20;

/** A rollout under way, as the store has it: all that another controller needs to go on with it, or to end it. */
export interface RolloutNote {
  readonly id: number;
  readonly subject: string;
  /** ISO 8601, UTC. */
  readonly beganAt: string;
  readonly by?: string;
  readonly state: RolloutState;
}

/** One rollout in the store, while it is under way. */
export interface RolloutRecord {
  readonly note: RolloutNote;
  keep(state: RolloutState): Promise<void>;
  settle(report: RolloutReport): Promise<void>;
}

/** Opens the entry in the history. Throws `storeFailed`. */
export async function beginRolloutRecord(
  store: Store,
  state: RolloutState,
  begun: { readonly beganAt: string; readonly by?: string },
  ids: () => Promise<number> = () => nextId(store),
): Promise<RolloutRecord> {
  const subject = `${state.plan.nodes.length} nodes`;
  for (let attempt = 0; attempt < idAttempts; attempt += 1) {
    const note: RolloutNote = { id: await ids(), subject, ...begun, state };
    const opened = historyPut(note.id, { operation: 'rollout', subject, beganAt: note.beganAt });
    const ops = [
      { type: 'put', ...rolloutPut(note) },
      { type: 'put', ...opened },
    ] as const;
    const revision = await commit(store, [{ key: opened.key, revision: 0 }], ops);
    if (revision !== undefined) return continueRolloutRecord(store, note, revision);
  }
  throw new LameduckError('storeFailed', 'Cannot begin "rollout": an id of its own is wanted: none is left');
}

/** Rollouts whose controller ended in them. */
export async function readRollouts(store: Store): Promise<readonly RolloutRecord[]> {
  const { entries } = await store.list(prefix, {}, storeDeadline());
  return entries.map(({ value, revision }) =>
    continueRolloutRecord(store, JSON.parse(value) as RolloutNote, revision),
  );
}

/** The report of a rollout whose controller ended in it: what it had not reached stays as it is. */
export function interruptedRollout({ plan, reports, skipped }: RolloutState, reason: string): RolloutReport {
  const isReported = (node: string): boolean => reports.some((report) => report.node === node);
  const nodes = [...new Set([...skipped, ...plan.nodes])];
  return {
    operation: 'rollout',
    result: 'aborted',
    nodes: reports,
    untouched: nodes.filter((node) => !isReported(node)),
    ...(skipped.length === 0 ? {} : { skipped }),
    ms: 0,
    reason,
    code: 'notRunning',
  };
}

function continueRolloutRecord(store: Store, begun: RolloutNote, begunAt: number): RolloutRecord {
  let note = begun;
  let revision = begunAt;
  const compare = (): { key: string; revision: number }[] => [{ key: rolloutPut(note).key, revision }];
  return {
    get note() {
      return note;
    },
    async keep(state) {
      const next = { ...note, state };
      const written = await commit(store, compare(), [{ type: 'put', ...rolloutPut(next) }]);
      if (written === undefined) return;
      revision = written;
      note = next;
    },
    async settle(report) {
      const { id, subject, beganAt } = note;
      const ended = historyPut(id, { operation: 'rollout', subject, beganAt, report });
      await commit(store, compare(), [
        { type: 'put', ...ended },
        { type: 'delete', key: rolloutPut(note).key },
      ]);
    },
  };
}

function rolloutPut(note: RolloutNote): { readonly key: string; readonly value: string } {
  return { key: `${prefix}${note.id}`, value: JSON.stringify(note) };
}
