import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type OutReason, parseConfig, unknownHealth } from '@lameduck/core';
import fc from 'fast-check';
import { createFakeNode } from '../../src/adapters/fake/node-runner.ts';
import { NodeWatch } from '../../src/events/node-watch.ts';
import { createNodeRecord, type NodeRecord } from '../../src/node-record.ts';
import { viewNode } from '../../src/views.ts';

function makeRecords(): readonly NodeRecord[] {
  const parsed = parseConfig({
    service: 'shop',
    edges: [{ name: 'e', listen: '127.0.0.1:1' }],
    nodes: ['a', 'b', 'c'].map((name, index) => ({
      name,
      address: `127.0.0.1:${2 + index}`,
      process: { start: 'x' },
    })),
  });
  assert.ok(parsed.ok);
  return parsed.config.nodes.map((config) => createNodeRecord(config, createFakeNode().runner, 0));
}

/** What its status shows, but for the times that pass by themselves. */
function shownOf(record: NodeRecord): string {
  return JSON.stringify(viewNode(record, 0), (key, value) => (key === 'stateMs' ? undefined : value));
}

const small = fc.integer({ min: 0, max: 2 });
const reasons: readonly OutReason[] = ['operator', 'operation', 'health', 'stopped'];

/** Everything that may be done to a record. */
const change = fc.oneof(
  small.map((pid) => (record: NodeRecord) => {
    record.process = pid === 0 ? undefined : { pid, startTime: 1 };
  }),
  fc.constantFrom('up', 'down', 'unknown').map((verdict) => (record: NodeRecord) => {
    record.health = { ...unknownHealth, verdict };
  }),
  fc.constantFrom('check', 'drain', undefined).map((phase) => (record: NodeRecord) => {
    record.operation = phase === undefined ? undefined : { kind: 'drain', beganAt: 0, phase };
  }),
  small.map((count) => (record: NodeRecord) => {
    record.inFlight = count;
  }),
  small.map((weight) => (record: NodeRecord) => {
    record.weight = weight;
  }),
  small.map((pid) => (record: NodeRecord) => {
    record.leavingPid = pid === 0 ? undefined : pid;
  }),
  fc.constantFrom('it failed', undefined).map((reason) => (record: NodeRecord) => {
    record.reason = reason;
  }),
  small.map((connections) => (record: NodeRecord) => {
    record.details = connections === 0 ? undefined : { workers: [], connections };
  }),
  fc.constantFrom(...reasons).map((reason) => (record: NodeRecord) => {
    record.out.add(reason);
  }),
  fc.constantFrom(...reasons).map((reason) => (record: NodeRecord) => {
    record.out.delete(reason);
  }),
  fc.constant((record: NodeRecord) => record.out.clear()),
);

describe('the watch of the nodes', () => {
  it('tells of every node whose status shows something else, whatever was done to its record', () => {
    const turn = fc.array(fc.tuple(small, change), { maxLength: 4 });
    fc.assert(
      fc.property(fc.array(turn, { maxLength: 30 }), (turns) => {
        const records = makeRecords();
        const watch = new NodeWatch(records);
        watch.reset();
        let before = records.map(shownOf);
        for (const changes of turns) {
          for (const [place, apply] of changes) apply(records[place] as NodeRecord);
          const told = new Set(watch.changed(1));
          const now = records.map(shownOf);
          for (const [place, record] of records.entries())
            if (now[place] !== before[place]) assert.ok(told.has(record), `${before[place]} → ${now[place]}`);
          before = now;
        }
      }),
    );
  });

  it('tells of nothing that was done before it was reset, nor of what was done and undone', () => {
    const [record] = makeRecords();
    assert.ok(record !== undefined);
    const watch = new NodeWatch([record]);
    record.inFlight = 3;
    watch.reset();
    record.weight = 7;
    record.weight = record.config.weight;
    assert.deepEqual(watch.changed(1), []);
    record.inFlight = 4;
    assert.deepEqual(watch.changed(2), [record]);
    assert.deepEqual(watch.changed(3), []);
  });
});
