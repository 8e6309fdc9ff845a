import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { EdgeView, OperationEventData, TrafficSample } from '@lameduck/core';
import { reduce } from '../../src/model/reduce.ts';
import { initialState } from '../../src/model/state.ts';
import { judge, tally } from '../../src/model/verdict.ts';
import { after, edge, node, now, sample, status } from './support.ts';

describe('whether anything is in danger', () => {
  it('is unknown before the first status', () => {
    assert.equal(judge(initialState).level, 'unknown');
  });

  it('is no when all nodes serve and the edges have loaded what was asked', () => {
    const { level, headline, findings } = judge(after());
    assert.deepEqual([level, headline, findings], ['calm', 'Nothing is in danger.', []]);
  });

  it('comes with what is in flight, each request once however many nodes it may be on', () => {
    const { nodes } = after();
    const of = (inFlight: number): object => ({ requests: 1, errors: 0, inFlight });
    const counted = Object.fromEntries([...nodes.keys()].map((name) => [name, of(1)]));
    assert.equal(tally(nodes.values()).inFlight, 2 * nodes.size);
    assert.equal(
      tally(nodes.values(), { ...sample(now), nodes: counted } as TrafficSample).inFlight,
      nodes.size,
    );
  });

  it('is never no while the daemon does not answer', () => {
    const lost = { phase: 'lost', sinceMs: now, retryAtMs: now, code: '' } as const;
    const { level, headline } = judge(reduce(after(), { type: 'link', link: lost }, now));
    assert.deepEqual([level, headline], ['unknown', 'Out of sight.']);
  });

  it('is no, but something is done, while an operation runs', () => {
    const data = {
      id: 1,
      at: new Date(now).toISOString(),
      node: 'b',
      operation: 'drain',
      type: 'began',
    } as OperationEventData;
    const { level, detail } = judge(after({ type: 'operation', data }));
    assert.equal(level, 'busy');
    assert.match(detail, /^Drain of b is under way\./);
  });

  it('asks for a look at a node that is unhealthy, with the reason', () => {
    const bad = node('b', { state: 'unhealthy', health: 'down', inRotation: false, reason: 'status 503' });
    const { level, headline, detail } = judge(after({ type: 'node', data: bad }));
    assert.deepEqual([level, headline], ['attention', 'b is unhealthy.']);
    assert.match(detail, /status 503/);
  });

  it('is yes when only one healthy node is left, and when none is', () => {
    const bad = (name: string) =>
      ({
        type: 'node',
        data: node(name, { state: 'unhealthy', health: 'down', inRotation: false }),
      }) as const;
    assert.equal(judge(after(bad('a'), bad('b'))).level, 'danger');
    assert.match(judge(after(bad('a'), bad('b'), bad('c'))).headline, /No node serves/);
  });

  it('is yes when an edge has loaded other than was asked', () => {
    const data = edge('edge-1', { desired: ['b'], out: [], isConverged: false });
    const { level, headline } = judge(after({ type: 'edge', data }));
    assert.deepEqual([level, headline], ['danger', 'edge-1 still sends to b.']);
  });

  it('is no when an edge differs only in a node that is being worked on', () => {
    const data = edge('edge-1', { desired: ['b'], out: [], isConverged: false });
    const busy = node('b', { operation: { kind: 'drain', phase: 'remove', ms: 1 } });
    assert.equal(judge(after({ type: 'node', data: busy }, { type: 'edge', data })).level, 'calm');
  });

  it('is yes when an edge says it differs and does not say in what', () => {
    const { desired: _, out: __, ...silent } = edge('edge-1');
    const { level } = judge(after({ type: 'edge', data: { ...silent, isConverged: false } as EdgeView }));
    assert.equal(level, 'danger');
  });

  it('takes an older daemon, which tells neither, for one without an alarm', () => {
    const { desired: _, out: __, isConverged: ___, ...older } = edge('edge-1');
    assert.equal(
      judge(after({ type: 'status', data: status({ edges: [older as EdgeView] }) })).level,
      'calm',
    );
  });

  it('sees errors: one in a hundred for a look, one in ten for an alarm', () => {
    const failing = (errors: number) =>
      judge(after({ type: 'traffic', data: sample(now, { total: { requests: 1000, errors } }) })).level;
    assert.deepEqual([failing(9), failing(10), failing(100)], ['calm', 'attention', 'danger']);
  });

  it('names the worst first', () => {
    const bad = node('c', { state: 'unhealthy', health: 'down', inRotation: false });
    const failed = edge('edge-1', { state: 'failed', reason: 'connect ENOENT' });
    const { findings } = judge(after({ type: 'node', data: bad }, { type: 'edge', data: failed }));
    assert.deepEqual(
      findings.map(({ level }) => level),
      ['danger', 'attention'],
    );
  });

  it('does not call a paused service without nodes in danger', () => {
    const paused = status({ paused: { sinceMs: 100, holdMs: 30_000, by: 'ada' } });
    const { level, headline } = judge(after({ type: 'status', data: paused }));
    assert.deepEqual([level, headline], ['attention', 'The service is paused.']);
  });
});
