import assert from 'node:assert/strict';
import { it } from 'node:test';
import { parseConfig } from '@lameduck/core';
import { createFakeNode } from '../src/adapters/fake/node-runner.ts';
import { CheckTally } from '../src/checks/check-counts.ts';
import { HealthMonitor } from '../src/health-monitor.ts';
import { createNodeRecord, type NodeRecord } from '../src/node-record.ts';
import type { CheckCommand } from '../src/ports/health-checks.ts';
import { createFakeClock } from './support/fake-clock.ts';

function watch(): { monitor: HealthMonitor; record: NodeRecord; told: CheckCommand[] } {
  const parsed = parseConfig({
    service: 'shop',
    edges: [{ name: 'e', listen: '127.0.0.1:1' }],
    nodes: [{ name: 'a', address: '127.0.0.1:2', process: { start: 'x' } }],
  });
  assert.ok(parsed.ok);
  const [config] = parsed.config.nodes;
  assert.ok(config !== undefined);
  const record = createNodeRecord(config, createFakeNode().runner, 0);
  const told: CheckCommand[] = [];
  const checks = { open: () => undefined, tell: (_: number, command: CheckCommand) => told.push(command) };
  const events = { checked: () => undefined, settled: () => undefined };
  const monitor = new HealthMonitor(
    [record],
    { ...checks, counts: async () => new CheckTally(0), close: async () => undefined },
    createFakeClock(),
    events,
  );
  return { monitor, record, told };
}

it('a wait whose time is over already ends at once, and hastens nothing', { timeout: 5000 }, async () => {
  for (const wait of ['risen', 'known'] as const) {
    const { monitor, record, told } = watch();
    await assert.rejects(monitor[wait](record, AbortSignal.abort(new Error('too late'))), /too late/);
    assert.ok(!told.some(({ type }) => type === 'hasten'), JSON.stringify(told));
  }
});

it('a node is hastened as long as somebody waits for it', async () => {
  const { monitor, record, told } = watch();
  const [one, other] = [new AbortController(), new AbortController()];
  const waits = [monitor.known(record, one.signal), monitor.risen(record, other.signal)];
  one.abort(new Error('too late'));
  await assert.rejects(waits[0] as Promise<void>, /too late/);
  assert.equal(told.at(-1)?.type, 'hasten');
  other.abort(new Error('too late as well'));
  await assert.rejects(waits[1] as Promise<void>, /too late as well/);
  assert.equal(told.at(-1)?.type, 'relax');
});
