import assert from 'node:assert/strict';
import { afterEach, it, mock } from 'node:test';
import { LameduckError, latencyBucketsMs, parseConfig, type TrafficSample } from '@lameduck/core';
import { pino } from 'pino';
import { createFakeEdge, type FakeEdge } from '../src/adapters/fake/edge.ts';
import { createFakeNode } from '../src/adapters/fake/node-runner.ts';
import { createNodeRecord } from '../src/node-record.ts';
import { TrafficWatch } from '../src/traffic-watch.ts';
import { createFakeClock } from './support/fake-clock.ts';

const ends: (() => void)[] = [];
afterEach(() => {
  for (const end of ends.splice(0)) end();
});

interface Rig {
  readonly one: FakeEdge;
  readonly other: FakeEdge;
  readonly watch: TrafficWatch;
  readonly samples: TrafficSample[];
  /** Begins to listen; what it gives ends that. */
  listen(): () => void;
  pass(seconds: number): Promise<void>;
}

function makeWatch(otherMode: 'gate' | 'reload' = 'gate'): Rig {
  const parsed = parseConfig({
    service: 'shop',
    edges: [{ name: 'one', listen: '127.0.0.1:1' }],
    nodes: ['a', 'b'].map((name, index) => ({
      name,
      address: `127.0.0.1:${2 + index}`,
      process: { start: 'x' },
    })),
  });
  assert.ok(parsed.ok);
  const { nodes } = parsed.config;
  const records = nodes.map((node) => createNodeRecord(node, createFakeNode().runner, 0));
  const one = createFakeEdge({ name: 'one', nodes });
  const other = createFakeEdge({ name: 'other', nodes, mode: otherMode });
  const clock = createFakeClock();
  const closing = new AbortController();
  ends.push(() => closing.abort());
  const around = { clock, logger: pino({ level: 'silent' }), signal: closing.signal };
  const watch = new TrafficWatch(records, [one, other], around);
  const samples: TrafficSample[] = [];
  const pass = async (seconds: number): Promise<void> => {
    for (let count = 0; count < seconds; count += 1) {
      await clock.advance(1000);
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  return {
    one,
    other,
    watch,
    samples,
    pass,
    listen: () => watch.subscribe((sample) => samples.push(sample)),
  };
}

const inBucket = (bucket: number, count: number): number[] =>
  Array.from({ length: latencyBucketsMs.length + 1 }, (_, index) => (index === bucket ? count : 0));

it('a sample is what all edges counted since the one before, with its quantiles', async () => {
  const { one, other, samples, listen, pass } = makeWatch();
  one.addTraffic('a', { requests: 1000, errors: 10 });
  listen();
  await pass(1);
  assert.equal(samples.length, 0, 'the first sums say nothing of the last second');
  one.addTraffic('a', { requests: 6, errors: 1, latency: inBucket(3, 6) });
  other.addTraffic('a', { requests: 2, latency: inBucket(3, 2) });
  other.addTraffic('b', { requests: 1, latency: inBucket(6, 1) });
  one.setInFlight('b', 4);
  other.setInFlight('b', 1);
  await pass(1);
  assert.deepEqual(samples, [
    {
      atMs: 2000,
      spanMs: 1000,
      nodes: {
        a: { requests: 8, errors: 1, p50Ms: 7.5, p99Ms: 9.95, inFlight: 0 },
        b: { requests: 1, errors: 0, p50Ms: 75, p99Ms: 99.5, inFlight: 5 },
      },
      total: {
        requests: 9,
        errors: 1,
        p50Ms: samples[0]?.total.p50Ms ?? 0,
        p99Ms: samples[0]?.total.p99Ms ?? 0,
      },
    },
  ]);
  assert.ok((samples[0]?.total.p99Ms ?? 0) > 50);
  await pass(1);
  assert.deepEqual(samples[1]?.total, { requests: 0, errors: 0 });
});

it('an edge that is silent for a while tells all of it when it answers again; one started anew begins at 0', async () => {
  const { one, samples, listen, pass } = makeWatch();
  listen();
  await pass(1);
  const silent = mock.method(one, 'traffic', () =>
    Promise.reject(new LameduckError('edgeUnproven', 'silent')),
  );
  one.addTraffic('a', { requests: 5 });
  await pass(2);
  silent.mock.restore();
  one.addTraffic('a', { requests: 2 });
  await pass(1);
  assert.deepEqual(
    samples.map(({ total }) => total.requests),
    [0, 0, 7],
  );
  one.addTraffic('a', { requests: -6 });
  await pass(1);
  assert.equal(samples.at(-1)?.total.requests, 1);
});

it('nobody is asked while nobody listens, and a new listener begins anew', async () => {
  const { one, samples, listen, pass } = makeWatch();
  const asked = mock.method(one, 'traffic');
  await pass(3);
  assert.equal(asked.mock.callCount(), 0);
  const leave = listen();
  await pass(3);
  leave();
  await pass(2);
  const count = asked.mock.callCount();
  await pass(5);
  assert.equal(asked.mock.callCount(), count);
  one.addTraffic('a', { requests: 500 });
  const before = samples.length;
  listen();
  await pass(2);
  assert.deepEqual(
    samples.slice(before).map(({ total }) => total.requests),
    [0],
    'what came while nobody listened is no burst',
  );
});

it('the last 15 minutes are kept as they were told, and no more', async () => {
  const { one, watch, samples, listen, pass } = makeWatch();
  listen();
  for (let second = 0; second < 905; second += 1) {
    one.addTraffic('a', { requests: second % 7, latency: inBucket(2, second % 7) });
    await pass(1);
  }
  const kept = watch.window(0);
  assert.equal(kept.length, 900);
  const rounded = (list: readonly TrafficSample[]): unknown =>
    JSON.parse(JSON.stringify(list, (_, value) => (typeof value === 'number' ? Math.fround(value) : value)));
  assert.deepEqual(rounded(kept), rounded(samples.slice(-900)));
  const since = samples.at(-10)?.atMs ?? 0;
  assert.equal(watch.window(since).length, 10);
});

it('edges that count nothing are named, and the nodes have the requests known last', async () => {
  const { samples, listen, pass } = makeWatch('reload');
  listen();
  await pass(2);
  assert.deepEqual(samples[0]?.uncounted, ['other']);
});

it('a reading is at most a second old, and asking twice at once asks the edges once', async () => {
  const { one, watch, pass } = makeWatch();
  const asked = mock.method(one, 'traffic');
  one.addTraffic('b', { requests: 3 });
  const [first, second] = await Promise.all([watch.read(), watch.read()]);
  assert.equal(first, second);
  assert.equal(await watch.read(), first);
  assert.equal(asked.mock.callCount(), 1);
  await pass(1);
  assert.notEqual(await watch.read(), first);
  const answer = first.edges.get('one');
  assert.ok(typeof answer === 'object');
  assert.equal(answer.get('b')?.requests, 3);
});
