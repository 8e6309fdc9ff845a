import {
  type InterruptedOperation,
  interruptedReport,
  LameduckError,
  type OperationReport,
  type Wish,
} from '@lameduck/core';
import type { Proof } from '../ports/edge.ts';
import type { ProcessIdentity } from '../ports/node-runner.ts';
import type { Store, StoreOp } from '../ports/store.ts';
import { commit, storeDeadline } from './commit.ts';
import { historyPut, nextId } from './history.ts';
import { wishOp } from './wishes.ts';

const prefix = 'operations/';
/** Operations that begin at once on several nodes may all want the same id. */
const idAttempts = 20;

/** An operation under way, as the store has it: the node's lock, and all that another controller needs to settle it. */
export interface OperationNote extends InterruptedOperation {
  /** Of its entry in the history. */
  readonly id: number;
  /** ISO 8601, UTC. */
  readonly beganAt: string;
  /** The main process that it is about. */
  readonly process?: ProcessIdentity;
  /** What each edge has acknowledged, before the node is signalled. */
  readonly proofs?: readonly Proof[];
  /** Who asked for it, where that is known. */
  readonly by?: string;
  /** Who runs it. */
  readonly controller?: string;
}

/** A note as it was read. */
export interface NotedOperation {
  readonly note: OperationNote;
  readonly revision: number;
}

/** One operation in the store, while it is under way. Every write is fenced by the one before it. */
export interface OperationRecord {
  /** Of its entry in the history; negative where it has none. */
  readonly id: number;
  /**
   * Resolves when it is durable that the operation is about to do this. Throws `busy` where another controller has
   * taken the operation over, `storeFailed`.
   */
  note(changes: Pick<OperationNote, 'phase' | 'process' | 'proofs' | 'isRolledBack'>): Promise<void>;
  /** The end: the lock goes, the report and the wish come, all at once. Throws as `note`. */
  settle(report: OperationReport, wish: Wish | undefined): Promise<void>;
}

/** Of an operation that could not be recorded and that its node needs all the same. */
export const unrecorded: OperationRecord = { id: -1, note: async () => {}, settle: async () => {} };

/** The entry of an operation under way. */
export function operationPut(note: OperationNote): { readonly key: string; readonly value: string } {
  return { key: `${prefix}${note.node}`, value: JSON.stringify(note) };
}

/** Operations under way, those of controllers that ended in them too. */
export async function readOperations(store: Store): Promise<readonly NotedOperation[]> {
  const { entries } = await store.list(prefix, {}, storeDeadline());
  return entries.map(({ value, revision }) => ({ note: JSON.parse(value) as OperationNote, revision }));
}

/** Takes the node's lock and opens the entry in the history. Throws `busy`, `storeFailed`. */
export async function beginOperationRecord(
  store: Store,
  draft: Omit<OperationNote, 'id'>,
  ids: () => Promise<number> = () => nextId(store),
): Promise<OperationRecord> {
  for (let attempt = 0; attempt < idAttempts; attempt += 1) {
    const id = await ids();
    const note = { id, ...draft };
    const entry = operationPut(note);
    const asked = note.by === undefined ? {} : { by: note.by };
    const opened = historyPut(id, {
      ...{ operation: note.kind, subject: note.node, beganAt: note.beganAt },
      ...asked,
    });
    const compare = [
      { key: entry.key, revision: 0 },
      { key: opened.key, revision: 0 },
    ];
    const revision = await commit(store, compare, [
      { type: 'put', ...entry },
      { type: 'put', ...opened },
    ]);
    if (revision !== undefined) return continueOperationRecord(store, { note, revision });
    await makeWay(store, draft);
  }
  throw new LameduckError(
    'storeFailed',
    `Cannot begin "${draft.kind}": an id of its own is wanted: none is left`,
  );
}

/** Goes on with the record of an operation that this or another controller has begun. */
export function continueOperationRecord(store: Store, begun: NotedOperation): OperationRecord {
  let { note, revision } = begun;

  async function write(ops: readonly [StoreOp & { readonly type: 'put' }, ...StoreOp[]]): Promise<void> {
    const written = await commit(store, [{ key: operationPut(note).key, revision }], ops);
    if (written === undefined) throw takenOver(note);
    revision = written;
  }
  return {
    id: note.id,
    async note(changes) {
      const next = { ...note, ...changes };
      await write([{ type: 'put', ...operationPut(next) }]);
      note = next;
    },
    async settle(report, wish) {
      const { id, kind, node, beganAt, proofs, by } = note;
      const asked = by === undefined ? {} : { by };
      const proved = proofs === undefined ? {} : { proofs };
      const ended = historyPut(id, {
        ...{ operation: kind, subject: node, beganAt, report },
        ...asked,
        ...proved,
      });
      const wished = wish === undefined ? [] : [wishOp(node, wish)];
      await write([{ type: 'put', ...ended }, { type: 'delete', key: operationPut(note).key }, ...wished]);
    },
  };
}

/**
 * A lock of our own of which nobody knows is one whose begin failed for all that was answered: it goes. Any other one
 * is held by another controller.
 */
async function makeWay(store: Store, { kind, node, controller }: Omit<OperationNote, 'id'>): Promise<void> {
  const held = await store.get(`${prefix}${node}`, storeDeadline());
  if (held === undefined) return;
  const note = JSON.parse(held.value) as OperationNote;
  if (note.controller === undefined || note.controller !== controller) {
    throw new LameduckError(
      'busy',
      `Cannot ${kind} node "${node}": one operation at a time is wanted: "${note.kind}" since ${note.beganAt} is at ${note.phase}`,
      { node, operation: note.kind, phase: note.phase },
    );
  }
  const report = {
    ...interruptedReport(note, 'reverted'),
    reason: 'the store did not answer that it had begun',
  };
  await continueOperationRecord(store, { note, revision: held.revision }).settle(report, undefined);
}

function takenOver({ kind, node, phase }: OperationNote): LameduckError {
  return new LameduckError(
    'busy',
    `Cannot go on with ${kind} of node "${node}": its lock is wanted: another controller has taken it over at ${phase}`,
    { node, operation: kind, phase },
  );
}
