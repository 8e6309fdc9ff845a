import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { gentleRate, loadOn } from '../support/edge-loads.ts';
import { assertKept, type MixedEdges, openMixedEdges } from '../support/mixed-edges.ts';
import { freePorts } from '../support/ports.ts';
import { rolloutOf, statusOf } from '../support/reports.ts';
import { type RunningService, runService } from '../support/run-service.ts';
import { until } from '../support/until.ts';

const nodes = ['app', 'gunicorn', 'app'] as const;

/** All nodes are restarted under load on every edge; each edge has proved each removal, and has all nodes afterwards. */
async function assertRestarts(
  service: RunningService,
  ports: readonly number[],
  modes: readonly ('gate' | 'reload')[],
): Promise<string> {
  const pids = (await statusOf(service)).edges.map(({ pid }) => pid);
  const ledgers = await loadOn(
    service,
    ports,
    async () => {
      const rollout = rolloutOf(await service.lameduck('rollout', '--json'));
      assert.deepEqual(
        [rollout.result, rollout.nodes.length],
        ['done', nodes.length],
        JSON.stringify(rollout),
      );
      for (const { node, edges } of rollout.nodes) {
        const proofs = edges?.toSorted((one, other) => one.edge.localeCompare(other.edge));
        assert.deepEqual(
          proofs?.map(({ mode }) => mode),
          modes,
          node,
        );
      }
    },
    gentleRate,
  );
  assertKept(ledgers, modes, 100);
  await until(
    'no edge leaves a node out, all have converged',
    async () =>
      (await statusOf(service)).edges.every(
        ({ pid, out, isConverged }, index) => pid === pids[index] && out.length === 0 && isConverged,
      ),
    60_000,
  );
  return ledgers
    .map(({ sent, lost }, index) => `${modes[index]}: ${sent} requests, ${lost} idle resets`)
    .join('; ');
}

describe('E7: three edges by reload', () => {
  let service: RunningService;
  let ports: readonly number[];
  before(async () => {
    ports = await freePorts(3);
    const edges = ports.map((port, index) => ({
      name: `edge-${index + 1}`,
      listen: `127.0.0.1:${port}`,
      mode: 'reload',
    }));
    service = await runService({ nodes, config: { edges } });
  });
  after(async () => {
    assert.equal(await service.stop(), 0);
  });

  it('change as one: every node is restarted, proved at each of them, under load; lost 0', async (t) => {
    t.diagnostic(await assertRestarts(service, ports, ['reload', 'reload', 'reload']));
  });
});

describe('E7: three edges, one by reload, one with the gate, one the user’s own', () => {
  let service: RunningService;
  let mixed: MixedEdges;
  before(async () => {
    mixed = await openMixedEdges('gate');
    service = await runService({ nodes, config: { edges: mixed.edges } });
  });
  after(async () => {
    try {
      assert.equal(await service.stop(), 0);
    } finally {
      await mixed.close();
    }
  });

  it('change as one: every node is restarted, proved at each of them, under load; lost 0', async (t) => {
    t.diagnostic(await assertRestarts(service, mixed.ports, ['reload', 'gate', 'gate']));
  });
});
