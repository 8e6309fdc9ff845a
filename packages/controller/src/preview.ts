import { type Config, countServing, guardRemoval, type OperationKind, type Preview } from '@lameduck/core';
import { availability, type NodeRecord } from './node-record.ts';

/** What takes a node out, and what brings it back or starts it. */
const removing: readonly OperationKind[] = ['drain', 'stop', 'restart'];
const ending: readonly OperationKind[] = ['stop', 'restart'];
const returning: readonly OperationKind[] = ['ready', 'start', 'restart'];

/** What the operation would do now, by the guard that it would meet. `refusal` is why it could not even be asked for. */
export function previewOperation(
  kind: OperationKind,
  record: NodeRecord,
  records: readonly NodeRecord[],
  config: Config,
  refusal: string | undefined,
): Preview {
  const nodes = records.map(availability);
  const { name } = record.config;
  const isRemoving = removing.includes(kind);
  const verdict = isRemoving
    ? guardRemoval(nodes, [name], config.availability.minAvailable)
    : ({ allowed: true } as const);
  const reason = refusal ?? (verdict.allowed ? undefined : verdict.reason);
  const staying = isRemoving ? nodes.filter((node) => node.name !== name) : nodes;
  return {
    operation: kind,
    node: name,
    allowed: reason === undefined,
    ...(reason === undefined ? {} : { reason }),
    inRotation: countServing(nodes),
    staysInRotation: countServing(staying),
    of: nodes.length,
    inFlight: record.inFlight,
    atMostMs: atMostMs(kind, config),
  };
}

/** The sum of the deadlines of its phases. A gate answers at once; a reload waits for the processes before it. */
function atMostMs(kind: OperationKind, { edges, shutdown, startup, sticky }: Config): number {
  const reloading = edges.filter(({ mode }) => mode === 'reload').map((edge) => edge.quiesceTimeoutMs);
  const quiesceMs = Math.max(0, ...reloading);
  const { drainTimeoutMs, timeoutGracefulShutdownMs, marginMs } = shutdown;
  return (
    (removing.includes(kind) ? (sticky?.drainMs ?? 0) + quiesceMs + drainTimeoutMs : 0) +
    (ending.includes(kind) ? timeoutGracefulShutdownMs + marginMs : 0) +
    (returning.includes(kind) ? startup.timeoutMs : 0)
  );
}
