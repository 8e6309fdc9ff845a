import { LameduckError, type ProcessFacts, settlementOf } from '@lameduck/core';
import type { NodeRecord } from './node-record.ts';
import type { ProcessIdentity } from './ports/node-runner.ts';
import type { ServiceLife } from './service-life.ts';
import type { NotedOperation } from './store/operation-log.ts';

/** An operation in which the controller before us ended. */
export interface Interrupted {
  readonly noted: NotedOperation;
  /** Missing where the node is no more in the configuration. */
  readonly record: NodeRecord | undefined;
  readonly process: ProcessFacts['process'];
}

/** What the controller before us left under way; nodes of operations that will be resumed stay out of rotation. */
export async function findInterrupted({ store, records }: ServiceLife): Promise<readonly Interrupted[]> {
  const operations = await store.operations();
  return operations.map((noted): Interrupted => {
    const record = records.find(({ config }) => config.name === noted.note.node);
    const process = compare(record?.process, noted.note.process);
    if (record !== undefined && isResumed(noted, process)) record.out.add('operation');
    return { noted, record, process };
  });
}

/**
 * Reverts or resumes each of them, once the edges are open again. Gives the nodes whose operation goes on, with its
 * end: nobody else may touch them meanwhile.
 */
export async function settleInterrupted(
  life: ServiceLife,
  interrupted: readonly Interrupted[],
  signal: AbortSignal,
): Promise<ReadonlyMap<NodeRecord, Promise<void>>> {
  const resumed = new Map<NodeRecord, Promise<void>>();
  for (const { noted, record, process } of interrupted) {
    if (record === undefined || !isResumed(noted, process)) {
      await life.operations.revert(noted);
    } else {
      resumed.set(
        record,
        attempt(life, () => resume(life, noted, record, process, signal)),
      );
    }
  }
  return resumed;
}

async function resume(
  life: ServiceLife,
  noted: NotedOperation,
  record: NodeRecord,
  process: ProcessFacts['process'],
  signal: AbortSignal,
): Promise<void> {
  const { note } = noted;
  const isServing =
    note.phase === 'terminate' && process === 'same' && (await passesChecks(life, record, signal));
  const settlement = settlementOf(note, { process, isServing });
  if (settlement.type === 'revert') return;
  // where it is gone its orphans are waited for
  if (process === 'none' && settlement.at === 'wait') record.process = note.process;
  await life.operations.resume(noted, settlement.at, record, signal);
}

async function passesChecks(life: ServiceLife, record: NodeRecord, signal: AbortSignal): Promise<boolean> {
  await life.monitor.known(record, signal);
  return record.health.verdict === 'up';
}

function isResumed({ note }: NotedOperation, process: ProcessFacts['process']): boolean {
  return settlementOf(note, { process, isServing: false }).type === 'resume';
}

function compare(
  found: ProcessIdentity | undefined,
  noted: ProcessIdentity | undefined,
): ProcessFacts['process'] {
  if (found === undefined) return 'none';
  if (noted === undefined) return 'same';
  return found.pid === noted.pid && found.startTime === noted.startTime ? 'same' : 'another';
}

/** What cannot be settled now is settled by the next controller; it must not keep this one from its work. */
async function attempt({ logger }: ServiceLife, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (thrown) {
    logger.error({ reason: LameduckError.from(thrown).message }, 'interrupted operation not settled');
  }
}
