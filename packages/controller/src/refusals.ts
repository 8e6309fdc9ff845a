import { formatMs, LameduckError, type OperationKind, type PhaseName } from '@lameduck/core';
import type { NodeRecord } from './node-record.ts';
import type { Clock } from './ports/clock.ts';

/** Phases in which the SIGTERM is our own: no edge can pick the node any more. */
export const releasedPhases: readonly PhaseName[] = ['terminate', 'wait', 'kill'];

/** A process that is not the node's, or that is being stopped already, cannot announce its leave. Throws `notRunning`. */
export function refuseLeave({ config, process, operation }: NodeRecord, pid: number): void {
  const isReleased = operation !== undefined && releasedPhases.includes(operation.phase);
  if (process?.pid === pid && !isReleased) return;
  const got = isReleased ? 'one that is out already' : `pid ${pid}`;
  throw new LameduckError(
    'notRunning',
    `Cannot let node "${config.name}" leave: its main process in rotation is wanted (pid ${process?.pid ?? 'none'}): current value is ${got}`,
    { node: config.name, pid },
  );
}

/** One operation at a time. Throws `busy` with what holds the node's lock, and since when. */
export function refuseBusy(record: NodeRecord, kind: OperationKind, clock: Clock): void {
  const held = record.operation;
  if (held === undefined) return;
  const node = record.config.name;
  const ms = clock.now() - held.beganAt;
  throw new LameduckError(
    'busy',
    `Cannot ${kind} node "${node}": one operation at a time is wanted: "${held.kind}"${held.by === undefined ? '' : ` of ${held.by}`} has run for ${formatMs(ms)} and is at ${held.phase}`,
    { node, operation: held.kind, phase: held.phase, ms, ...(held.by === undefined ? {} : { by: held.by }) },
  );
}

/** What makes no sense for the node as it is. Throws `usage`, `notRunning`. */
export function refuseImpossible(record: NodeRecord, kind: OperationKind): void {
  const node = record.config.name;
  const isRunning = record.process !== undefined;
  if (kind === 'start') {
    if (!isRunning || record.out.size > 0) return;
    throw new LameduckError(
      'usage',
      `Cannot start node "${node}": a stopped node is wanted: it runs and is in rotation`,
    );
  }
  if (isRunning) return;
  throw new LameduckError(
    'notRunning',
    `Cannot ${kind} node "${node}": a running node is wanted: it is stopped`,
    { node },
  );
}

/** Why the operation could not begin now, in words; nothing where it could. */
export function refusalOf(record: NodeRecord, kind: OperationKind, clock: Clock): string | undefined {
  try {
    refuseBusy(record, kind, clock);
    refuseImpossible(record, kind);
    return undefined;
  } catch (thrown) {
    return LameduckError.from(thrown).message;
  }
}

/** What a command is told whose operation the store would not take: `storeFailed`. */
export function refuseUnrecorded(kind: OperationKind, node: string, cause: LameduckError): LameduckError {
  const message = `Cannot ${kind} node "${node}": a store that takes its record is wanted: ${cause.message}`;
  return new LameduckError('storeFailed', message, { node }, cause);
}
