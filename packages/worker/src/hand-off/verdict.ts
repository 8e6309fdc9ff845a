import type { ConnectionView } from '../connection-verdict.ts';

/**
 * May this connection be handed over now? Only while nothing is owed in either direction: every answer has been taken
 * by the system to its last byte, and no byte of another request has been read.
 */
export function mayHandOff(view: ConnectionView): boolean {
  if (view.isUpgraded || view.outstanding > 0) return false;
  return !view.isBodyArriving && view.unflushedBytes === 0 && view.newBytes === 0;
}
