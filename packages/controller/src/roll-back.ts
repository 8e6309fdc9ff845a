import { LameduckError, type OperationLimits } from '@lameduck/core';
import { within } from './deadline.ts';
import type { NodeRecord } from './node-record.ts';
import type { UntimedEvent } from './operation-shell.ts';
import type { Clock } from './ports/clock.ts';
import type { NodeHooks } from './ports/node-hooks.ts';
import type { ProcessIdentity } from './ports/node-runner.ts';

/** What a roll back needs beside the node. */
export interface RollBackParts {
  readonly clock: Clock;
  readonly hooks: NodeHooks | undefined;
  readonly limits: OperationLimits;
  /** What went wrong, for the hook. */
  readonly reason: string | undefined;
}

/**
 * Ends what runs of the new version, which no edge can pick, and runs the hook that brings the old one back. A hook that
 * fails is told in the event: what is there then is started all the same.
 */
export async function rollBackNode(
  record: NodeRecord,
  process: ProcessIdentity | undefined,
  parts: RollBackParts,
  signal: AbortSignal,
): Promise<UntimedEvent> {
  const killed = process === undefined ? [] : await endProcess(record, process, parts, signal);
  const { hooks, reason } = parts;
  try {
    await hooks?.run('rollBack', { action: 'rollBack', ...(reason === undefined ? {} : { reason }) }, signal);
  } catch (thrown) {
    signal.throwIfAborted();
    return { type: 'rolledBack', killed, trouble: LameduckError.from(thrown).message };
  }
  if (hooks?.describe('rollBack') !== undefined) return { type: 'rolledBack', killed };
  return { type: 'rolledBack', killed, trouble: 'there is no rollBack hook: it is started as it is' };
}

async function endProcess(
  record: NodeRecord,
  process: ProcessIdentity,
  { clock, limits }: RollBackParts,
  signal: AbortSignal,
): Promise<readonly number[]> {
  await record.runner.terminate(process);
  const ended = await within(clock, limits.graceMs + limits.marginMs, [signal], (either) =>
    record.runner.exited(process, either).then(
      () => true,
      () => false,
    ),
  );
  signal.throwIfAborted();
  const killed = ended ? [] : await record.runner.kill(process);
  record.process = undefined;
  return killed;
}
