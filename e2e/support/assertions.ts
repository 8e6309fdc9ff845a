import assert from 'node:assert/strict';
import { formatLedger, type LedgerResult } from '@lameduck/ledger';

/** Nothing lost, nothing twice, and the two ledgers agree on everything that was answered. */
export function assertNothingLost(result: LedgerResult, atLeast: number): void {
  const text = formatLedger(result);
  assert.ok(result.sent >= atLeast, `only ${result.sent} requests were sent\n${text}`);
  assert.equal(result.lost, 0, text);
  assert.equal(result.answered, result.sent, text);
  assertNothingTwice(result);
}

export function assertNothingTwice(result: LedgerResult): void {
  const text = formatLedger(result);
  assert.ok(result.server, 'the ledgers were not joined');
  assert.deepEqual(result.server.duplicates, [], text);
  assert.equal(result.server.answeredUnseen, 0, text);
}

/** What a reload of a stock nginx before 1.27.4 may cost: idle keep-alive client connections, and nothing else. */
export function assertOnlyIdleResets(result: LedgerResult, atLeast: number): void {
  const text = formatLedger(result);
  assert.ok(result.sent >= atLeast, `only ${result.sent} requests were sent\n${text}`);
  assert.equal(result.lost, result.reasons.resetIdle, text);
  assert.deepEqual(result.server?.executedButLost, [], text);
  assertNothingTwice(result);
}
