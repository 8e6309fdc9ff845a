import type { NodeStatus } from '@lameduck/core';

/** `weight 6 (configured 1)` of a node whose weight was set at run time; else nothing. */
export function weightNote({ weight, configuredWeight }: NodeStatus): string {
  return configuredWeight === undefined ? '' : `weight ${weight} (configured ${configuredWeight})`;
}
