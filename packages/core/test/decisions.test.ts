import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { formatAddress, parseAddress } from '../src/address.ts';
import { guardRemoval, mayIsolate } from '../src/availability.ts';
import { formatMs, parseDurationMs } from '../src/duration.ts';
import { type HealthState, stepHealth, unknownHealth } from '../src/health.ts';
import { nodeState } from '../src/node-state.ts';

const node = (name: string, isInRotation = true, isHealthy = true) => ({ name, isInRotation, isHealthy });

describe('guardRemoval', () => {
  it('lets a node go while enough healthy ones stay', () => {
    assert.ok(guardRemoval([node('a'), node('b')], ['a'], 1).allowed);
  });

  it('E11: refuses the last healthy node, also when checks say that all is down', () => {
    assert.ok(!guardRemoval([node('a'), node('b', false)], ['a'], 1).allowed);
    assert.ok(!guardRemoval([node('a', true, false), node('b', true, false)], ['a'], 1).allowed);
  });

  it('E10: refuses the second of two that would leave too few', () => {
    const nodes = [node('a', false), node('b'), node('c'), node('d')];
    const verdict = guardRemoval(nodes, ['b'], 3);
    assert.ok(!verdict.allowed);
    assert.match(verdict.reason, /at least 3 must stay: 2 healthy nodes would be left/);
  });

  it('lets a node go that is out already: it serves nobody', () => {
    assert.ok(guardRemoval([node('a', false), node('b', false)], ['a'], 1).allowed);
  });
});

describe('mayIsolate', () => {
  it('never empties the pool', () => {
    assert.ok(mayIsolate([node('a', true, false), node('b')]));
    assert.ok(!mayIsolate([node('a', true, false), node('b', true, false)]));
    assert.ok(!mayIsolate([node('a', true, false), node('b', false)]));
  });
});

describe('stepHealth', () => {
  const limits = { rise: 2, fall: 3 };
  const after = (from: HealthState, results: string): HealthState =>
    [...results].reduce(
      (state, mark) => stepHealth(state, { passed: mark === '+', detail: '', ms: 1 }, limits, 0),
      from,
    );
  const up = after(unknownHealth, '++');

  it('rises and falls only after that many in a row', () => {
    assert.equal(after(unknownHealth, '+').verdict, 'unknown');
    assert.equal(up.verdict, 'up');
    assert.equal(after(up, '--').verdict, 'up');
    assert.equal(after(up, '---').verdict, 'down');
    assert.equal(after(up, '---+').verdict, 'down');
    assert.equal(after(up, '---++').verdict, 'up');
  });

  it('E23: changes nothing while checks alternate', () => {
    assert.equal(after(up, '-+-+--+--+').verdict, 'up');
    assert.equal(after(unknownHealth, '-+-+-+').verdict, 'unknown');
  });
});

describe('nodeState', () => {
  const facts = {
    isRunning: true,
    phase: undefined,
    out: [],
    verdict: 'up',
    inFlight: 0,
    isLeaving: false,
  } as const;

  it('has one word for each situation', () => {
    assert.equal(nodeState(facts), 'ready');
    assert.equal(nodeState({ ...facts, verdict: 'down' }), 'unhealthy');
    assert.equal(nodeState({ ...facts, out: ['operator'] }), 'drained');
    assert.equal(nodeState({ ...facts, out: ['operator'], inFlight: 2 }), 'draining');
    assert.equal(nodeState({ ...facts, phase: 'wait' }), 'draining');
    assert.equal(nodeState({ ...facts, phase: 'check', verdict: 'down', isLeaving: true }), 'draining');
    assert.equal(nodeState({ ...facts, phase: 'health' }), 'starting');
    assert.equal(nodeState({ ...facts, isRunning: false }), 'stopped');
  });
});

describe('parseAddress', () => {
  it('reads back what formatAddress wrote', () => {
    for (const text of ['127.0.0.1:80', '[::1]:8080', 'node-1.example:443', 'unix:/run/app.sock']) {
      const address = parseAddress(text);
      assert.ok(address);
      assert.equal(formatAddress(address), text);
    }
  });
});

describe('parseDurationMs', () => {
  it('wants a unit', () => {
    assert.equal(parseDurationMs('1.5s'), 1500);
    assert.equal(parseDurationMs('250ms'), 250);
    assert.equal(parseDurationMs('2m'), 120_000);
    assert.equal(parseDurationMs('0'), 0);
    for (const bad of ['30', '', 's', '-1s', '1 day', '1e3ms']) assert.equal(parseDurationMs(bad), undefined);
  });

  it('is shown as people read it', () => {
    assert.equal(formatMs(0.44), '0.4 ms');
    assert.equal(formatMs(38.2), '38 ms');
    assert.equal(formatMs(1234), '1.2 s');
    assert.equal(formatMs(125_000), '2 m 5 s');
  });
});
