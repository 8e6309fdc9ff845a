import { LameduckError, type OperationReport, type RolloutReport } from '@lameduck/core';
import type { Store } from '../ports/store.ts';
import { commit, storeDeadline } from './commit.ts';
import { historyPut, nextId } from './history.ts';

const prefix = 'rollouts/';
/** Operations that begin meanwhile may all want the same id. */
const idAttempts = 20;

/** A rollout under way, as the store has it. */
interface RolloutNote {
  readonly id: number;
  readonly subject: string;
  /** ISO 8601, UTC. */
  readonly beganAt: string;
  /** What came of its nodes so far. */
  readonly reports: readonly OperationReport[];
  readonly untouched: readonly string[];
}

/** One rollout in the store, while it is under way. */
export interface RolloutRecord {
  note(report: OperationReport): Promise<void>;
  settle(report: RolloutReport): Promise<void>;
}

/** Opens the entry in the history. Throws `storeFailed`. */
export async function beginRolloutRecord(
  store: Store,
  nodes: readonly string[],
  beganAt: string,
): Promise<RolloutRecord> {
  const subject = `${nodes.length} nodes`;
  for (let attempt = 0; attempt < idAttempts; attempt += 1) {
    const note = { id: await nextId(store), subject, beganAt, reports: [], untouched: nodes };
    const opened = historyPut(note.id, { operation: 'rollout', subject, beganAt });
    const ops = [
      { type: 'put', ...rolloutPut(note) },
      { type: 'put', ...opened },
    ] as const;
    const revision = await commit(store, [{ key: opened.key, revision: 0 }], ops);
    if (revision !== undefined) return continueRolloutRecord(store, note, revision);
  }
  throw new LameduckError('storeFailed', 'Cannot begin "rollout": an id of its own is wanted: none is left');
}

/** The end of every rollout whose controller ended in it: what it had not reached stays as it is. */
export async function settleInterruptedRollouts(store: Store): Promise<void> {
  const { entries } = await store.list(prefix, {}, storeDeadline());
  for (const { value, revision } of entries) {
    const note = JSON.parse(value) as RolloutNote;
    await continueRolloutRecord(store, note, revision).settle({
      operation: 'rollout',
      result: 'aborted',
      nodes: note.reports,
      untouched: note.untouched,
      ms: 0,
      reason: 'the controller ended in it; the rest was left alone',
      code: 'notRunning',
    });
  }
}

function continueRolloutRecord(store: Store, begun: RolloutNote, begunAt: number): RolloutRecord {
  let note = begun;
  let revision = begunAt;
  const compare = (): { key: string; revision: number }[] => [{ key: rolloutPut(note).key, revision }];
  return {
    async note(report) {
      const untouched = note.untouched.filter((node) => node !== report.node);
      const next = { ...note, reports: [...note.reports, report], untouched };
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
