import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { EventUpdate } from '@lameduck/client';
import { describeEvent, describeNews } from '../src/output/event-line.ts';

function say(update: unknown): string | undefined {
  return describeEvent(update as EventUpdate);
}

describe('an event as a line', () => {
  it('says what happened in an operation, and who asked for it', () => {
    const head = { id: 1, at: '', node: 'a', operation: 'stop' };
    const report = { result: 'exited', ms: 1500, inFlight: 3, lost: 0 };
    assert.equal(
      say({ event: 'operation', data: { ...head, type: 'phase', phase: 'drain' } }),
      'a stop: drain',
    );
    assert.equal(
      say({ event: 'operation', data: { ...head, type: 'ended', report } }),
      'a stop ended: exited after 1.5 s, 3 in flight, 0 lost',
    );
    const entry = {
      who: 'ops',
      from: '10.0.0.1',
      action: 'stop',
      subject: 'a',
      result: 'refused',
      reason: 'no',
    };
    assert.equal(say({ event: 'audit', data: entry }), 'ops from 10.0.0.1: stop a: refused (no)');
  });

  it('is one line without anything that moves the cursor, whatever a node has printed', () => {
    const data = { name: 'a', state: 'unhealthy', inRotation: false, reason: 'x\u001B[2J\ny\u0007' };
    assert.equal(say({ event: 'node', data }), 'a unhealthy, out of rotation: x y ');
  });

  it('is left out where nothing has changed for who reads, and while the controller stays away', () => {
    const news = describeNews();
    const node = (more: object): EventUpdate =>
      ({
        event: 'node',
        data: { name: 'a', state: 'ready', inRotation: true, ...more },
      }) as unknown as EventUpdate;
    const gone = { event: 'disconnected', reason: 'gone', retryMs: 250 } as const;
    assert.equal(news(node({})), 'a ready, in rotation');
    assert.equal(news(node({ inFlight: 5 })), undefined);
    assert.equal(news(node({ inRotation: false })), 'a ready, out of rotation');
    assert.equal(news(gone), 'gone: trying again in 250 ms');
    assert.equal(news({ ...gone, retryMs: 500 }), undefined);
    news({ event: 'connected' });
    assert.equal(news(gone), 'gone: trying again in 250 ms');
  });

  it('says of the service and of a rollout only what has changed, and never one for the other', () => {
    const news = describeNews();
    const rollout = { id: 3, state: 'soaking', done: ['a'], running: [], pending: ['b'] };
    const hear = (event: string, data: object): string | undefined =>
      news({ event, data } as unknown as EventUpdate);
    hear('status', { service: 'shop', nodes: [], edges: [] });
    assert.equal(hear('rollout', rollout), 'rollout 3 soaking: 1 done, 0 running, 1 to come');
    assert.equal(hear('service', { rollout }), undefined);
    assert.equal(hear('rollout', { ...rollout, criteria: [] }), undefined);
    assert.equal(
      hear('service', { rollout, paused: { sinceMs: 1, holdMs: 1 } }),
      'requests are held at the edges',
    );
    assert.equal(hear('service', { rollout }), 'nothing is held, no panic');
  });
});
