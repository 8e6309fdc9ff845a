import assert from 'node:assert/strict';
import { afterEach, it, mock } from 'node:test';
import { LameduckError, noTraffic, parseConfig } from '@lameduck/core';
import { pino } from 'pino';
import { createFakeEdge, type FakeEdge } from '../src/adapters/fake/edge.ts';
import { createFakeNode } from '../src/adapters/fake/node-runner.ts';
import { CheckTally } from '../src/checks/check-counts.ts';
import { HealthMonitor } from '../src/health-monitor.ts';
import { createNodeRecord } from '../src/node-record.ts';
import { PassiveWatch } from '../src/passive-watch.ts';
import type { EdgeTraffic } from '../src/ports/edge.ts';
import { TrafficWatch } from '../src/traffic-watch.ts';
import { createFakeClock } from './support/fake-clock.ts';

const ends: (() => void)[] = [];
afterEach(() => {
  for (const end of ends.splice(0)) end();
});

interface WatchRig {
  readonly one: FakeEdge;
  readonly other: FakeEdge;
  /** Why the node was made failing, each time that it was. */
  readonly reasons: readonly string[];
  sample(times: number): Promise<void>;
}

function watch(within: string): WatchRig {
  const parsed = parseConfig({
    service: 'shop',
    edges: [{ name: 'one', listen: '127.0.0.1:1' }],
    nodes: [{ name: 'a', address: '127.0.0.1:2', process: { start: 'x' } }],
    health: { passive: { errors: 5, within } },
  });
  assert.ok(parsed.ok);
  const { nodes } = parsed.config;
  const records = nodes.map((node) => createNodeRecord(node, createFakeNode().runner, 0));
  const [one, other] = ['one', 'other'].map((name) => createFakeEdge({ name, nodes })) as [
    FakeEdge,
    FakeEdge,
  ];
  const clock = createFakeClock();
  const reasons: string[] = [];
  const checks = {
    open: () => undefined,
    tell: (_: number, command: { type: string; reason?: string }) => {
      if (command.type === 'fail') reasons.push(command.reason ?? '');
    },
    counts: async () => new CheckTally(0),
    close: async () => undefined,
  };
  const monitor = new HealthMonitor(records, checks, clock, {
    checked: () => undefined,
    settled: () => undefined,
  });
  const closing = new AbortController();
  ends.push(() => closing.abort());
  const around = { clock, logger: pino({ level: 'silent' }), signal: closing.signal };
  new PassiveWatch(records, new TrafficWatch(records, [one, other], around), monitor, around).start();
  const sample = async (times: number): Promise<void> => {
    for (let count = 0; count < times; count += 1) {
      await clock.advance(1000);
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  return { one, other, reasons, sample };
}

const dead = (): Promise<never> => Promise.reject(new LameduckError('notRunning', 'it has died'));

it('errors that an edge counted before it died are not held against a node for ever', async () => {
  const { one, other, reasons, sample } = watch('10s');
  await sample(1);
  one.addErrors('a', 4);
  await sample(1);
  mock.method(one, 'traffic', dead);
  await sample(20);
  other.addErrors('a', 1);
  await sample(2);
  assert.deepEqual(reasons, []);
  other.addErrors('a', 4);
  await sample(1);
  assert.deepEqual(reasons, ['5 errors within 10.0 s at the edge']);
});

it('errors that an edge counted before it died count as long as they are new', async () => {
  const { one, other, reasons, sample } = watch('10s');
  await sample(1);
  one.addErrors('a', 4);
  await sample(1);
  mock.method(one, 'traffic', dead);
  await sample(5);
  other.addErrors('a', 1);
  await sample(1);
  assert.deepEqual(reasons, ['5 errors within 10.0 s at the edge']);
});

it('what an edge said does not grow old while a slow one is waited for', async () => {
  const { one, other, reasons, sample } = watch('1s');
  await sample(1);
  one.addErrors('a', 5);
  const slow = Promise.withResolvers<ReadonlyMap<string, EdgeTraffic>>();
  mock.method(other, 'traffic', () => slow.promise);
  await sample(3);
  assert.deepEqual(reasons, [], 'the slow one was not asked');
  slow.resolve(new Map([['a', { ...noTraffic, inFlight: 0 }]]));
  await sample(1);
  assert.deepEqual(reasons, ['5 errors within 1.0 s at the edge']);
});

it('a time as short as that between two samples means those of the last one', async () => {
  const { one, other, reasons, sample } = watch('1s');
  await sample(1);
  one.addErrors('a', 4);
  await sample(1);
  other.addErrors('a', 4);
  await sample(1);
  assert.deepEqual(reasons, []);
  one.addErrors('a', 2);
  other.addErrors('a', 3);
  await sample(1);
  assert.deepEqual(reasons, ['5 errors within 1.0 s at the edge']);
});
