import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { isAtLeast, parseBuild } from '../../src/adapters/nginx/build.ts';
import { type Change, createChangeQueue } from '../../src/adapters/nginx/change-queue.ts';
import { openMark } from '../../src/adapters/nginx/gate-count-lua.ts';
import {
  formatGateState,
  parseGateState,
  risingRamps,
  withOut,
  withRamps,
} from '../../src/adapters/nginx/gate-state.ts';
import { countByGate, shareInFlight } from '../../src/adapters/nginx/in-flight.ts';
import { type ReloadEvent, type ReloadState, stepReload } from '../../src/adapters/nginx/reload-proof.ts';
import type { EdgeProgress } from '../../src/ports/edge.ts';
import { ignore, soon } from './harness.ts';

const name = fc.stringMatching(/^[a-z0-9][a-z0-9-]{0,20}$/);

describe('the state of the gate', () => {
  it('is read back as it was written', () => {
    const state = fc.record({
      epoch: fc.nat(),
      out: fc.array(fc.tuple(name, fc.nat())).map((pairs) => new Map(pairs)),
    });
    fc.assert(
      fc.property(state, (one) => assert.deepEqual(parseGateState(formatGateState(one)), { ...one })),
    );
    for (const text of ['', 'a', '1 a', '1 a@', '1  a@1', '1 A@1', '1 a@1;'])
      assert.equal(parseGateState(text), undefined);
  });

  it('keeps the epoch of nodes that stay out, and is the same object where nothing changes', () => {
    const state = { epoch: 5, out: new Map([['a', 2]]) };
    assert.equal(withOut(state, ['a', 'a']), state);
    assert.deepEqual(withOut(state, ['b', 'a']), {
      epoch: 6,
      out: new Map([
        ['a', 2],
        ['b', 6],
      ]),
    });
  });
});

describe('weights that rise', () => {
  it('are read back as they were written, by name; a node that is out has none', () => {
    const ramp = fc.tuple(fc.nat(), fc.nat()).map(([beganAt, ms]) => ({ beganAt, ms }));
    const ramps = fc.array(fc.tuple(name, ramp), { minLength: 1 }).map((pairs) => new Map(pairs));
    fc.assert(
      fc.property(fc.nat(), ramps, (epoch, rising) => {
        const state = withRamps({ epoch, out: new Map() }, rising);
        assert.deepEqual(parseGateState(formatGateState(state)), state);
        const [gone = ''] = rising.keys();
        assert.ok(!withOut(state, [gone]).ramps?.has(gone));
      }),
    );
    assert.equal(parseGateState('1 a:5'), undefined);
  });

  it('are over at their end', () => {
    const ramps = new Map([
      ['a', { beganAt: 1000, ms: 500 }],
      ['b', { beganAt: 1000, ms: 900 }],
    ]);
    assert.deepEqual([...risingRamps({ epoch: 1, out: new Map(), ramps }, 1500).keys()], ['b']);
  });
});

describe('requests in flight by the gate', () => {
  it('are the known ones and those placed before the node was gated, of living workers', () => {
    const counters = new Map([
      ['k:1:a', 2],
      ['k:2:a', 5],
      ['k:1:b', 9],
      ['u:1:3', 1],
      ['u:1:4', 7],
      ['w:1', 1],
      ['w:2', 1],
      ['lossy', 0],
    ]);
    const reading = { state: { epoch: 5, out: new Map([['a', 4]]) }, counters };
    assert.deepEqual(
      countByGate(reading, 'a', (pid) => pid === 1),
      { count: 3, gone: [2] },
    );
    assert.deepEqual(
      countByGate(reading, 'b', (pid) => pid === 1),
      { count: 17, gone: [2] },
    );
  });

  it('are without bound while a worker that has not seen the change may place more; for a chart they are what it said', () => {
    const counters = new Map([['u:1:3', openMark + 2]]);
    const reading = { state: { epoch: 5, out: new Map([['a', 4]]) }, counters };
    const isWorker = (): boolean => true;
    assert.equal(countByGate(reading, 'a', isWorker).count, Number.POSITIVE_INFINITY);
    assert.equal(countByGate(reading, 'b', isWorker).count, 2);
    assert.deepEqual(
      shareInFlight(reading, ['a', 'b'], isWorker),
      new Map([
        ['a', 0],
        ['b', 2],
      ]),
    );
  });

  it('are never below 0, and unknown where a counter did not fit', () => {
    const state = { epoch: 1, out: new Map() };
    assert.equal(countByGate({ state, counters: new Map([['k:1:a', -3]]) }, 'a', () => true).count, 0);
    assert.equal(countByGate({ state, counters: new Map([['lossy', 1]]) }, 'a', () => true).count, Infinity);
  });
});

describe('the proof of a reload', () => {
  const observed = fc.record({
    type: fc.constant('observed' as const),
    isAnswering: fc.boolean(),
    processes: fc.integer({ min: 0, max: 4 }),
    sockets: fc.integer({ min: 0, max: 2 }),
    emergency: fc.option(fc.constant('[emerg] x'), { nil: undefined }),
  });
  const event: fc.Arbitrary<ReloadEvent> = fc.oneof(
    { weight: 8, arbitrary: observed },
    { weight: 1, arbitrary: fc.constant({ type: 'deadlinePassed' as const }) },
    { weight: 1, arbitrary: fc.constant({ type: 'loaded' as const }) },
    { weight: 1, arbitrary: fc.constant({ type: 'refused' as const, reason: '[emerg] y' }) },
  );

  const awaiting: ReloadState = { phase: 'awaiting', isLoaded: false };

  it('tells applied only after an answer, quiesced only with nothing left, and ends once', () => {
    fc.assert(
      fc.property(fc.array(event, { maxLength: 30 }), (history) => {
        let state: ReloadState = awaiting;
        let hasAnswered = false;
        const told: EdgeProgress[] = [];
        for (const one of history) {
          const before: ReloadState = state;
          const next = stepReload(state, one);
          state = next.state;
          if (before.phase === 'awaiting' && one.type === 'observed' && one.isAnswering) hasAnswered = true;
          for (const { progress } of next.effects) {
            told.push(progress);
            if (progress.state === 'quiesced')
              assert.ok(one.type === 'observed' && one.processes === 0 && one.sockets === 0);
          }
          if (['quiesced', 'rejected', 'unproven'].includes(before.phase)) assert.equal(state, before);
        }
        assert.equal(
          told.some(({ state: at }) => at === 'applied'),
          hasAnswered && state.phase !== 'rejected',
        );
        assert.ok(told.filter(({ state: at }) => at === 'quiesced').length <= 1);
        if (state.phase === 'rejected') assert.deepEqual(told, []);
      }),
    );
  });

  it('what nginx refused cannot load any more, what it has loaded or was not heard of can', () => {
    fc.assert(
      fc.property(fc.array(event, { maxLength: 30 }), (history) => {
        let state: ReloadState = awaiting;
        let isLoaded = false;
        let last: ReloadEvent['type'] | undefined;
        for (const one of history) {
          if (state.phase !== 'awaiting') break;
          state = stepReload(state, one).state;
          isLoaded ||= one.type === 'loaded';
          last = one.type;
        }
        if (state.phase === 'rejected')
          assert.equal(state.mayStillLoad, isLoaded || last === 'deadlinePassed');
      }),
    );
  });

  it('that nginx has loaded it is no answer of a worker', () => {
    const loaded = stepReload(awaiting, { type: 'loaded' });
    assert.deepEqual(loaded, { state: { phase: 'awaiting', isLoaded: true }, effects: [] });
    assert.deepEqual(stepReload(awaiting, { type: 'refused', reason: 'no' }).state, {
      phase: 'rejected',
      reason: 'no',
      mayStillLoad: false,
    });
  });
});

describe('the queue of changes', () => {
  it('makes one batch of what waits together, and never puts opposite changes of a node into one', async () => {
    const batches: string[][] = [];
    const queue = createChangeQueue('e', async (batch: readonly Change[]) => {
      batches.push(batch.map(({ node, isOut }) => `${isOut ? '-' : '+'}${node}`));
      for (const { resolve } of batch)
        resolve({ edge: 'e', mode: 'gate', ms: 0, generation: batches.length });
    });
    const change = (node: string, isOut: boolean) =>
      queue.change({ node, isOut, onProgress: ignore, signal: soon() });
    await Promise.all([
      change('a', true),
      change('b', true),
      change('a', true),
      change('a', false),
      change('c', true),
    ]);
    assert.deepEqual(batches, [
      ['-a', '-b', '-a'],
      ['+a', '-c'],
    ]);
  });

  it('a failed batch fails its own changes only', async () => {
    let round = 0;
    const queue = createChangeQueue('e', async (batch) => {
      round += 1;
      if (round === 1) throw new Error('no');
      for (const { resolve } of batch) resolve({ edge: 'e', mode: 'gate', ms: 0, generation: 1 });
    });
    await assert.rejects(queue.change({ node: 'a', isOut: true, onProgress: ignore, signal: soon() }), /no/);
    await queue.change({ node: 'a', isOut: true, onProgress: ignore, signal: soon() });
  });
});

describe('the build of nginx', () => {
  it('is read from -V, with the defaults of nginx where it says nothing', () => {
    const build = parseBuild(
      'nginx version: openresty/1.25.3.1\nconfigure arguments: --add-module=../ngx_lua-0.10.26',
    );
    assert.deepEqual(
      [build?.server, build?.version, build?.hasLuaBuiltIn],
      ['openresty/1.25.3.1', [1, 25, 3], true],
    );
    assert.equal(build?.pidPath, 'logs/nginx.pid');
    assert.equal(parseBuild('bash: -V: no'), undefined);
    assert.equal(build?.hasControlApi, false);
    const newer = parseBuild(
      'nginx version: nginx/1.31.5\nconfigure arguments: --with-control-api --prefix=/p',
    );
    assert.deepEqual([newer?.hasControlApi, newer?.prefix], [true, '/p']);
    assert.ok(
      build !== undefined &&
        isAtLeast(build, 1, 25, 3) &&
        !isAtLeast(build, 1, 25, 4) &&
        isAtLeast(build, 1, 9, 9),
    );
  });
});
