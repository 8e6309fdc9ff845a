import type { Config, OperationKind, OperationSpec } from '@lameduck/core';
import type { NodeRecord } from './node-record.ts';

/** An operation on one node within the limits of the configuration. */
export function operationSpec(
  kind: OperationKind,
  record: NodeRecord,
  { shutdown, startup }: Config,
): OperationSpec {
  return {
    kind,
    node: record.config.name,
    limits: {
      drainMs: shutdown.drainTimeoutMs,
      graceMs: shutdown.timeoutGracefulShutdownMs,
      marginMs: shutdown.marginMs,
      startupMs: startup.timeoutMs,
    },
  };
}
