import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { HistoryDetail, OperationEventData } from '@lameduck/core';
import fc from 'fast-check';
import { operationFromHistory } from '../../src/model/operation-view.ts';
import { type ConsoleEvent, reduce, reduceAll } from '../../src/model/reduce.ts';
import { initialState, kept } from '../../src/model/state.ts';
import { after, edge, live, node, now, report, sample, status } from './support.ts';

type Told = Partial<OperationEventData> & { readonly type: string };

function operation(told: Told): ConsoleEvent {
  const common = { id: 7, at: new Date(now).toISOString(), node: 'b', operation: 'restart' };
  return { type: 'operation', data: { ...common, ...told } as OperationEventData };
}

describe('the reducer of the page', () => {
  it('takes a status as the whole truth: nodes that are gone are gone', () => {
    const state = reduce(after(), { type: 'status', data: status({ nodes: [node('z')] }) }, now);
    assert.deepEqual([...state.nodes.keys()], ['z']);
  });

  it('turns the time in a state into an instant, so that it counts on by itself', () => {
    const state = reduce(after(), { type: 'node', data: node('b', { stateMs: 1500 }) }, now);
    assert.equal(state.nodes.get('b')?.sinceMs, now - 1500);
  });

  it('leaves every node that did not change the same object, so that it is not drawn again', () => {
    const before = after();
    const state = reduce(before, { type: 'node', data: node('b', { inFlight: 9 }) }, now);
    assert.equal(state.nodes.get('a'), before.nodes.get('a'));
    assert.notEqual(state.nodes.get('b'), before.nodes.get('b'));
    assert.equal(before.nodes.get('b')?.status.inFlight, 2);
  });

  it('gives the same for a batch as for its events one by one', () => {
    const names = fc.constantFrom('a', 'b', 'c', 'd');
    const event: fc.Arbitrary<ConsoleEvent> = fc.oneof(
      fc
        .tuple(names, fc.nat(50))
        .map(([name, inFlight]) => ({ type: 'node', data: node(name, { inFlight }) }) as const),
      fc.tuple(names, fc.nat(50)).map(
        ([name, ms]) =>
          ({
            type: 'checks',
            data: { at: new Date(now).toISOString(), checks: [{ node: name, ms, passed: true }] },
          }) as const,
      ),
      fc.nat(5).map((second) => ({ type: 'traffic', data: sample(now + second * 1000) }) as const),
      fc.constant({ type: 'status', data: status() } as const),
      fc.constant({ type: 'edge', data: edge('edge-2') } as const),
    );
    fc.assert(
      fc.property(fc.array(event, { maxLength: 30 }), (events) => {
        const oneByOne = events.reduce((state, each) => reduce(state, each, now), live());
        assert.deepEqual(reduceAll(live(), events, now), oneByOne);
      }),
    );
  });

  it('survives an event of a newer daemon', () => {
    const state = reduce(after(), { type: 'weather', data: {} } as unknown as ConsoleEvent, now);
    assert.deepEqual(state, after());
  });

  it('keeps a second of traffic once, whether it was loaded or told, in order', () => {
    const told = after({ type: 'traffic', data: sample(now) });
    const loaded = reduce(
      told,
      { type: 'trafficLoaded', samples: [sample(now - 2000), sample(now - 1000), sample(now)] },
      now,
    );
    assert.deepEqual(
      loaded.traffic.map(({ atMs }) => atMs),
      [now - 2000, now - 1000, now],
    );
  });

  it('forgets traffic and checks that are too old', () => {
    const events: ConsoleEvent[] = [];
    for (let second = 0; second <= 1000; second += 1) {
      const atMs = now + second * 1000;
      events.push({ type: 'traffic', data: sample(atMs) });
      events.push({
        type: 'checks',
        data: { at: new Date(atMs).toISOString(), checks: [{ node: 'a', ms: 1, passed: true }] },
      });
    }
    const state = reduceAll(after(), events, now);
    assert.equal(state.traffic.length, kept.trafficMs / 1000 + 1);
    assert.equal(state.checks.get('a')?.length, kept.checks);
  });
});

describe('an operation as a timeline', () => {
  it('follows the steps, the proofs and the requests in flight', () => {
    const state = after(
      operation({ type: 'began' }),
      operation({ type: 'phase', phase: 'remove' }),
      operation({ type: 'edge', edge: 'edge-1', state: 'old_draining', processes: 2 }),
      operation({ type: 'edge', edge: 'edge-1', state: 'quiesced' }),
      operation({ type: 'phaseEnded', phase: 'remove', ms: 40 }),
      operation({ type: 'phase', phase: 'drain' }),
      operation({ type: 'inFlight', count: 14 }),
      operation({ type: 'inFlight', count: 3 }),
    );
    const view = state.operations.get('7');
    assert.deepEqual(
      view?.steps.map(({ name, ms }) => [name, ms]),
      [
        ['remove', 40],
        ['drain', undefined],
      ],
    );
    assert.deepEqual(
      view?.proofs.map(({ edge: name, state: word }) => [name, word]),
      [['edge-1', 'quiesced']],
    );
    assert.equal(view?.inFlight, 3);
    assert.equal(view?.peakInFlight, 14);
  });

  it('keeps the proof of the way out when the edges are told of the way back', () => {
    const state = after(
      operation({ type: 'phase', phase: 'remove' }),
      operation({ type: 'edge', edge: 'edge-1', state: 'quiesced' }),
      operation({ type: 'phase', phase: 'return' }),
      operation({ type: 'edge', edge: 'edge-1', state: 'applied' }),
    );
    assert.equal(state.operations.get('7')?.proofs[0]?.state, 'quiesced');
  });

  it('ends with the report, and counts what was lost', () => {
    const state = after(
      operation({ type: 'began' }),
      operation({ type: 'ended', report: report({ lost: 2 }) }),
    );
    assert.equal(state.operations.get('7')?.report?.lost, 2);
    assert.equal(state.lost, 2);
  });

  it('is shown from the status where its begin was not seen, and goes on under its own id', () => {
    const running = node('b', { operation: { kind: 'restart', phase: 'drain', ms: 900 } });
    const seen = after({ type: 'status', data: status({ nodes: [node('a'), running] }) });
    assert.equal(seen.operations.get('b:now')?.beganAtMs, now - 900);
    const told = reduce(seen, operation({ type: 'inFlight', count: 4 }), now);
    assert.deepEqual([...told.operations.keys()], ['7']);
    assert.equal(told.operations.get('7')?.beganAtMs, now - 900);
  });

  it('is not forgotten when an older one of the same node is fetched', () => {
    const running = node('b', { operation: { kind: 'restart', phase: 'drain', ms: 900 } });
    const seen = after({ type: 'status', data: status({ nodes: [running] }) });
    const entry = {
      id: 3,
      operation: 'drain',
      subject: 'b',
      beganAt: '2026-01-01',
      report: report(),
      proofs: [],
      steps: [],
    } as const;
    const past = operationFromHistory(entry);
    assert.ok(past !== undefined);
    const state = reduce(seen, { type: 'operationLoaded', operation: past }, now);
    assert.deepEqual([...state.operations.keys()], ['b:now', '3']);
  });

  it('loses no proof and no end to an answer that was written before they came', () => {
    const entry = {
      id: 7,
      operation: 'restart',
      subject: 'b',
      beganAt: new Date(now).toISOString(),
    } as const;
    const proofs = [{ edge: 'edge-1', mode: 'gate', ms: 31, generation: 4 }] as const;
    const whole = operationFromHistory({ ...entry, report: report(), proofs, steps: [] });
    const part = operationFromHistory({ ...entry, report: report(), proofs: [], steps: [] });
    const early = operationFromHistory({
      ...entry,
      proofs: [],
      steps: [{ name: 'check', beganAt: '2026-01-01', ms: 1 }],
    });
    assert.ok(whole !== undefined && part !== undefined && early !== undefined);
    const loaded = reduce(initialState, { type: 'operationLoaded', operation: whole }, now);
    const listed = reduce(loaded, { type: 'pastLoaded', operations: [part] }, now);
    assert.equal(listed.operations.get('7')?.proofs.length, 1);
    const ended = reduce(
      after(operation({ type: 'ended', report: report() })),
      { type: 'operationLoaded', operation: early },
      now,
    );
    assert.equal(ended.operations.get('7')?.report?.result, 'exited');
    const running = after(operation({ type: 'phase', phase: 'drain', node: 'b' }));
    const both = reduce(running, { type: 'operationLoaded', operation: early }, now);
    assert.deepEqual(
      both.operations.get('7')?.steps.map(({ name }) => name),
      ['check', 'drain'],
    );
  });

  it('stands behind those of the past, however late they are fetched', () => {
    const begun = after(operation({ type: 'began' }));
    const entry = {
      id: 3,
      operation: 'drain',
      subject: 'b',
      beganAt: '2026-01-01',
      report: report(),
    } as const;
    const past = operationFromHistory({ ...entry, proofs: [], steps: [] });
    assert.ok(past !== undefined);
    const state = reduce(begun, { type: 'pastLoaded', operations: [past] }, now);
    assert.deepEqual([...state.operations.keys()], ['3', '7']);
    assert.equal(state.lastEnded, undefined, 'it ended before the page came');
  });

  it('is dropped by a status in which it does not run any more: how it ended is in the history', () => {
    const begun = after(operation({ type: 'began' }));
    const state = reduce(begun, { type: 'status', data: status() }, now);
    assert.equal(state.operations.size, 0);
  });

  it('learns its deadline while it runs, and not after', () => {
    const begun = after(operation({ type: 'began' }));
    const limit = { type: 'limitLearned', operation: '7', atMostMs: 35_000 } as const;
    assert.equal(reduce(begun, limit, now).operations.get('7')?.deadlineAtMs, now + 35_000);
    const ended = reduce(begun, operation({ type: 'ended', report: report() }), now);
    assert.equal(reduce(ended, limit, now).operations.get('7')?.deadlineAtMs, undefined);
  });

  it('is put together from the history of an older daemon, which tells neither steps nor proofs', () => {
    const entry = {
      id: 3,
      operation: 'restart',
      subject: 'b',
      beganAt: new Date(now).toISOString(),
      report: report(),
    } as const;
    const view = operationFromHistory(entry as unknown as HistoryDetail);
    assert.equal(view?.steps.length, 3);
    assert.equal(view?.endedAtMs, now + 1600);
  });
});
