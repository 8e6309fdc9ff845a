import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { EventUpdate } from '@lameduck/client';
import type { NodeState, NodeStatus, ServiceStatus } from '@lameduck/core';
import { formatBar, formatCurve } from '../../src/top/bars.ts';
import { emptyModel, stepTop, type TopModel } from '../../src/top/model.ts';
import { renderTop } from '../../src/top/render.ts';

const plain = (_style: unknown, text: string): string => text;

function node(name: string, state: NodeState = 'ready', more: Partial<NodeStatus> = {}): NodeStatus {
  return {
    ...{ name, kind: 'app', address: '127.0.0.1:1', state, stateMs: 61_000, inRotation: state === 'ready' },
    ...{ inFlight: 0, health: 'up', lastCheck: 'status 200', workers: [] },
    ...more,
  };
}

function status(nodes: readonly NodeStatus[]): ServiceStatus {
  const edges = [
    {
      name: 'edge-1',
      mode: 'gate',
      state: 'ready',
      server: 'nginx/1.22.1',
      out: [],
      desired: [],
      isConverged: true,
    },
  ] as const;
  return { service: 'shop', pid: 1, version: '0.1.0', edges, nodes };
}

function after(...updates: readonly unknown[]): TopModel {
  return updates.reduce((model: TopModel, update) => stepTop(model, update as EventUpdate, 0), emptyModel);
}

function show(model: TopModel, columns = 100, rows = 20, now = 0): readonly string[] {
  return renderTop(model, { columns, rows }, now, plain);
}

describe('lameduck top', () => {
  it('draws bars to an eighth of a character, and curves of the last values', () => {
    assert.equal(formatBar(0, 10, 4), '    ');
    assert.equal(formatBar(10, 10, 4), '████');
    assert.equal(formatBar(5, 10, 4), '██  ');
    assert.equal(formatBar(0.01, 10, 4), '▏   ');
    assert.equal(formatCurve([9, 0, 7, 7], 3), '▁██');
  });

  it('shows each node with its state, how long, and what it does; those that need somebody first', () => {
    const model = after({
      event: 'status',
      data: status([
        node('b'),
        node('a', 'draining', { inFlight: 7, operation: { kind: 'stop', phase: 'drain', ms: 1 } }),
      ]),
    });
    const lines = show(model);
    const a = lines.findIndex((line) => line.includes('◐ a'));
    assert.ok(a > 0 && lines[a + 1]?.includes('● b'), lines.join('\n'));
    assert.match(lines[a] ?? '', /draining\s+1m .*█+ +7 .*stop: drain/);
    assert.match(lines[0] ?? '', /shop {2}1 of 2 nodes ready/);
  });

  it('goes on by events: nodes, edges, checks, traffic, and a controller that went away', () => {
    const model = after(
      { event: 'status', data: status([node('a')]) },
      {
        event: 'node',
        data: node('a', 'unhealthy', { inFlight: 9, reason: 'status 503\nand\u001B[2J more' }),
      },
      {
        event: 'edge',
        data: {
          name: 'edge-1',
          mode: 'gate',
          state: 'ready',
          server: 'nginx',
          out: ['a'],
          isConverged: false,
        },
      },
      {
        event: 'traffic',
        data: {
          atMs: 1,
          spanMs: 2000,
          nodes: { a: { requests: 24, errors: 5, p99Ms: 45.4, inFlight: 2 } },
          total: { requests: 24, errors: 5, p50Ms: 1.24 },
        },
      },
      { event: 'disconnected', reason: 'the controller went away', retryMs: 250 },
    );
    const text = show(model).join('\n');
    assert.match(text, /✖ a .*12 +45 ms +3 +status 503 and more/);
    assert.match(text, /out: a {2}not what is wanted/);
    assert.match(text, /3 errors\/s +2 in flight/);
    assert.match(text, /12 req\/s +p50 1\.2 ms +p99 – +3 errors\/s/);
    assert.match(text, /✖ the controller went away/);
  });

  it('shows a weight that was set at run time, and no other', () => {
    const data = status([
      node('a', 'ready', { weight: 6, configuredWeight: 1 }),
      node('b', 'ready', { weight: 1 }),
    ]);
    const text = show(after({ event: 'status', data }), 120).join('\n');
    assert.match(text, /● a .*weight 6 \(configured 1\), status 200/);
    assert.doesNotMatch(text, /● b .*weight/);
  });

  it('says once how a rollout stands, however often it is told', () => {
    const rollout = { id: 1, state: 'soaking', done: ['a'], running: [], pending: ['b'] };
    const model = after(
      { event: 'status', data: status([node('a')]) },
      { event: 'rollout', data: rollout },
      { event: 'service', data: { rollout } },
      { event: 'rollout', data: { ...rollout, criteria: [] } },
    );
    assert.deepEqual(model.news, ['rollout 1 soaking: 1 done, 0 running, 1 to come']);
    assert.match(show(model)[0] ?? '', /rollout soaking: 1 done, 1 to come/);
  });

  it('fits any terminal: no line is longer, no more lines than there is room, 500 nodes counted', () => {
    const many = Array.from({ length: 500 }, (_, index) => node(`node-${index}`));
    const model = after({
      event: 'status',
      data: status([...many, node('ill', 'unhealthy', { reason: 'x'.repeat(500) })]),
    });
    for (const [columns, rows] of [
      [40, 10],
      [80, 24],
      [200, 60],
    ] as const) {
      const lines = show(model, columns, rows);
      assert.ok(lines.length <= rows, `${lines.length} lines`);
      for (const line of lines) assert.ok([...line].length <= columns, line);
      assert.match(lines.join('\n'), /✖ ill/);
      assert.match(lines.join('\n'), /… \d+ more, all ready/);
    }
  });
});
