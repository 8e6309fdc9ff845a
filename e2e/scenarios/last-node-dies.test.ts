import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import type { NodeStatus } from '@lameduck/core';
import type { LedgerResult, Loss } from '@lameduck/ledger';
import { assertNothingTwice } from '../support/assertions.ts';
import { statusOf } from '../support/reports.ts';
import { type RunningService, runService } from '../support/run-service.ts';
import type { NodeKind } from '../support/service-config.ts';
import { underLoad } from '../support/under-load.ts';
import { until } from '../support/until.ts';

/** Apart, so that the ledgers tell which of them ran twice: nginx sends a GET again whose answer had not begun, never a POST. */
const gets = { get: 10, fresh: 6, stream: 2 };
const posts = { post: 8, upload: 2 };

/** SIGKILL to every process of every node, masters first; resolves with their number. */
function killAll(nodes: readonly NodeStatus[]): number {
  const pids = [
    ...nodes.map(({ pid }) => pid ?? 0),
    ...nodes.flatMap(({ workers }) => workers.map(({ pid }) => pid)),
  ];
  for (const pid of pids) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // a worker may have ended with its master
    }
  }
  return pids.length;
}

/** Everything is killed, `rounds` times; it comes back each time by itself. */
async function killAgain(service: RunningService, rounds: number): Promise<void> {
  for (let round = 0; round < rounds; round += 1) {
    await wait(1_500);
    const { nodes } = await statusOf(service);
    const former = nodes.map(({ pid }) => pid);
    killAll(nodes);
    await until(
      'all nodes are back',
      async () => {
        const now = (await statusOf(service)).nodes;
        return now.every(
          ({ state, inRotation, pid }) => state === 'ready' && inRotation && !former.includes(pid),
        );
      },
      60_000,
    );
  }
  await wait(500);
}

function count(losses: readonly Loss[]): string {
  const sums: Record<string, number> = {};
  for (const { reason, status, method, kind } of losses) {
    const name = `${reason} ${status ?? ''} ${method} ${kind}`;
    sums[name] = (sums[name] ?? 0) + 1;
  }
  return JSON.stringify(sums);
}

function tell(t: TestContext, ledger: LedgerResult): void {
  const { server } = ledger;
  const unseen = ledger.losses.filter(({ id }) => server?.unseen.includes(id));
  t.diagnostic(`${ledger.sent} requests, ${ledger.lost} lost: ${count(ledger.losses)}`);
  t.diagnostic(
    `executed but lost ${server?.executedButLost.length}, never seen by a node ${unseen.length}: ${count(unseen)}; duplicates ${server?.duplicates.length}`,
  );
}

/** Losses that come one after the other are of one death. */
function bursts(losses: readonly Loss[]): readonly (readonly Loss[])[] {
  const found: Loss[][] = [];
  for (const loss of losses.toSorted((one, other) => one.atMs - other.atMs)) {
    const last = found.at(-1);
    if (last !== undefined && loss.atMs - (last.at(-1)?.atMs ?? 0) < 1_000) last.push(loss);
    else found.push([loss]);
  }
  return found;
}

const rounds = 2;
const countOf = (connections: Readonly<Record<string, number>>): number =>
  Object.values(connections).reduce((sum, count) => sum + count, 0);

describe('every process of every node is killed under load, in gate mode', () => {
  for (const nodes of [
    ['gunicorn'],
    ['app', 'app', 'app'],
  ] as const satisfies readonly (readonly NodeKind[])[]) {
    it(`${nodes.length} × ${nodes[0]}: what comes then waits, and lost is only what a dead process had`, async (t) => {
      const service = await runService({ nodes, mode: 'gate' });
      try {
        let ofPosts: LedgerResult | undefined;
        const ofGets = await underLoad(service, { connections: gets }, async () => {
          ofPosts = await underLoad(service, { connections: posts }, () => killAgain(service, rounds));
        });
        assert.ok(ofPosts !== undefined);
        assertNothingTwice(ofPosts);
        const twice = ofGets.server?.duplicates.length ?? 0;
        assert.ok(twice <= rounds * countOf(gets), `${twice} GETs ran twice`);
        assert.equal(ofGets.server?.answeredUnseen, 0);
        const both = [ofGets, ofPosts];
        for (const ledger of both) tell(t, ledger);
        const sent = ofGets.sent + ofPosts.sent;
        assert.ok(sent > 500, `${sent} requests`);
        // a connection has one request at a time: what it sends after the death is not lost
        const found = bursts(both.flatMap(({ losses }) => losses));
        assert.ok(found.length <= rounds, `${found.length} bursts of losses`);
        const most = countOf(gets) + countOf(posts);
        for (const burst of found) assert.ok(burst.length <= most, `${burst.length} lost at once`);
        for (const { errorStatuses } of both) assert.equal(errorStatuses['503'], undefined);
      } finally {
        assert.equal(await service.stop(), 0);
      }
    });
  }
});
