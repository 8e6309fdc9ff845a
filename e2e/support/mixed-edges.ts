import assert from 'node:assert/strict';
import type { LedgerResult } from '@lameduck/ledger';
import { assertNothingLost, assertOnlyIdleResets } from './assertions.ts';
import { startOwnNginx } from './own-nginx.ts';
import { freePorts } from './ports.ts';

/** Three edges of one service, each of another kind: ours by reload, ours with the gate, the user's own. */
export interface MixedEdges {
  readonly ports: readonly number[];
  readonly edges: readonly object[];
  /** Ends the user's nginx, which must have outlived the controller. */
  close(): Promise<void>;
}

/** Starts the user's nginx. */
export async function openMixedEdges(ownMode: 'gate' | 'reload'): Promise<MixedEdges> {
  const ports = await freePorts(3);
  const own = startOwnNginx(ports[2] ?? 0, ownMode);
  const managed = (index: number, mode: string): object => ({
    name: `edge-${index + 1}`,
    listen: `127.0.0.1:${ports[index]}`,
    mode,
  });
  return {
    ports,
    edges: [managed(0, 'reload'), managed(1, 'gate'), own.edge],
    async close() {
      assert.equal(own.hasEnded(), false, 'an attached nginx is not ours to stop');
      await own.stop();
    },
  };
}

/** Each edge by what its way of changing promises; `modes` in the order of the ledgers. */
export function assertKept(
  ledgers: readonly LedgerResult[],
  modes: readonly string[],
  atLeast: number,
): void {
  for (const [index, ledger] of ledgers.entries()) {
    if (modes[index] === 'gate') assertNothingLost(ledger, atLeast);
    else assertOnlyIdleResets(ledger, atLeast);
  }
}
