import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { type Death, describeDeath, killController, serveMortal } from '../support/deaths.ts';
import { gentleRate, loadOn } from '../support/edge-loads.ts';
import { childrenOf } from '../support/edge-processes.ts';
import { assertKept, type MixedEdges, openMixedEdges } from '../support/mixed-edges.ts';
import { statusOf } from '../support/reports.ts';
import type { RunningService } from '../support/run-service.ts';
import { until } from '../support/until.ts';

/** The new configuration serves, workers of the one before still end their requests: no proof yet. */
async function whileOldWorkersServe(service: RunningService): Promise<() => Promise<void>> {
  const { pid = 0 } = (await statusOf(service)).edges.find(({ name }) => name === 'edge-1') ?? {};
  const old = childrenOf(pid);
  return async () => {
    await until('both generations of edge-1 live', () => {
      const living = childrenOf(pid);
      return living.some((one) => old.includes(one)) && living.some((one) => !old.includes(one));
    });
    await killController(service);
  };
}

const deaths: readonly Death[] = [
  { at: 'after write edge-1/service.conf', command: 'restart', node: 'a', settled: 'reverted' },
  { at: 'before HUP', command: 'restart', node: 'b', settled: 'reverted' },
  { at: 'after HUP', command: 'drain', node: 'c', settled: 'reverted' },
  { at: whileOldWorkersServe, command: 'restart', node: 'a', settled: 'reverted' },
  { at: 'after write lameduck-shop.conf', command: 'restart', node: 'c', settled: 'reverted' },
];

describe('E9: three edges, one by reload, one with the gate, one the user’s own by reload', () => {
  let mixed: MixedEdges;
  const mortal = serveMortal(async () => {
    mixed = await openMixedEdges('reload');
    return { nodes: ['app', 'gunicorn', 'app'], config: { edges: mixed.edges } };
  });
  after(() => mixed.close());

  it('a controller that dies between the file, HUP and the end of old workers: lost 0, no node left out', async (t) => {
    const ledgers = await loadOn(
      mortal.service,
      mixed.ports,
      async () => {
        for (const death of deaths) {
          const report = await mortal.die(death);
          t.diagnostic(`${describeDeath(death)}: ${report.reason}`);
          assert.deepEqual(
            [report.node, report.interrupted?.settled],
            [death.node, death.settled],
            describeDeath(death),
          );
          await until(
            'no edge leaves a node out, all have converged',
            async () =>
              (await statusOf(mortal.service)).edges.every(
                ({ out, isConverged }) => out.length === 0 && isConverged,
              ),
            60_000,
          );
        }
      },
      gentleRate,
    );
    assertKept(ledgers, ['reload', 'gate', 'reload'], 300);
    const sum = (count: 'sent' | 'lost'): number => ledgers.reduce((all, ledger) => all + ledger[count], 0);
    t.diagnostic(`${deaths.length} deaths, ${sum('sent')} requests, ${sum('lost')} idle resets by reloads`);
  });
});
