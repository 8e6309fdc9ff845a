import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ArbiterView, NodeConfig } from '@lameduck/core';
import { createFakeNode } from '../../src/adapters/fake/node-runner.ts';
import { askArbiter, collectArbiters } from '../../src/metrics/collect-arbiters.ts';
import { MetricsPage } from '../../src/metrics/page.ts';
import { createNodeRecord, type NodeRecord } from '../../src/node-record.ts';
import type { RunningWorker } from '../../src/ports/node-runner.ts';
import { readPage } from './read-page.ts';

const workers: readonly RunningWorker[] = [
  { pid: 1, state: 'ready', rss: 50 },
  { pid: 2, state: 'ready', rss: 60 },
  { pid: 3, state: 'hung', rss: 70 },
  { pid: 4, state: 'booting' },
];

function record(arbiter: (() => Promise<ArbiterView | undefined>) | undefined, isRunning = true): NodeRecord {
  const { runner } = createFakeNode();
  const told = { ...runner, workers: async () => workers, ...(arbiter === undefined ? {} : { arbiter }) };
  const made = createNodeRecord({ name: 'a', weight: 1 } as NodeConfig, told, 0);
  if (isRunning) made.process = { pid: 9, startTime: 1 };
  return made;
}

describe('the metrics of a Gunicorn', () => {
  it('are what its arbiter tells, and the memory of its workers', async () => {
    const page = new MetricsPage();
    const told = await askArbiter(record(async () => ({ target: 4, spawned: 7, reloads: 2 })));
    collectArbiters(page, told === undefined ? assert.fail('nothing told') : [told]);
    assert.deepEqual(
      [...readPage(page.toString())],
      [
        ['lameduck_node_workers{node="a",state="booting"}', 1],
        ['lameduck_node_workers{node="a",state="ready"}', 2],
        ['lameduck_node_workers{node="a",state="draining"}', 0],
        ['lameduck_node_workers{node="a",state="hung"}', 1],
        ['lameduck_node_generation{node="a"}', 3],
        ['lameduck_node_workers_rss_bytes{node="a"}', 180],
        ['lameduck_node_workers_target{node="a"}', 4],
        ['lameduck_node_worker_starts_total{node="a"}', 7],
      ],
    );
  });

  it('are left out where it does not run, has no control socket, or is no Gunicorn', async () => {
    assert.equal(await askArbiter(record(undefined)), undefined);
    assert.equal(await askArbiter(record(async () => undefined)), undefined);
    assert.equal(await askArbiter(record(async () => ({ version: '20.1.0' }))), undefined);
    const stopped = record(() => assert.fail('must not be asked'), false);
    assert.equal(await askArbiter(stopped), undefined);
  });
});
