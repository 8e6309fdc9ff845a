import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import type { OperationKind } from '@lameduck/core';
import { createFakeStore, type FakeStore } from '../src/adapters/fake/store.ts';
import { systemClock } from '../src/adapters/system/clock.ts';
import type { EffectPoint } from '../src/effect-point.ts';
import { makeRig, never, nodeStatus, type Rig, type RigOptions, until, worldOf } from './support/rig.ts';

const rigs: Rig[] = [];
afterEach(async () => {
  for (const rig of rigs.splice(0)) await rig.controller.close(AbortSignal.abort());
});

/** What one controller closes, the next one opens: a file would. */
function lastingStore(): FakeStore {
  return new Proxy(createFakeStore(systemClock), {
    get(store, name) {
      if (name === 'close') return async () => undefined;
      const value: unknown = Reflect.get(store, name, store);
      return typeof value === 'function' ? value.bind(store) : value;
    },
  });
}

/** A controller that owns nothing, for nodes that run already, or for these of an earlier one. */
async function openGuest(options: RigOptions = {}, stopped: readonly string[] = []): Promise<Rig> {
  const rig = makeRig({ ...options, store: options.store ?? lastingStore(), isOwner: false });
  rigs.push(rig);
  if (options.found === undefined) {
    for (const [name, { runner }] of rig.nodes) if (!stopped.includes(name)) await runner.start(never);
  }
  await rig.controller.open(never);
  return rig;
}

async function replace(rig: Rig): Promise<Rig> {
  await rig.controller.close(never);
  rigs.splice(rigs.indexOf(rig), 1);
  return openGuest(worldOf(rig));
}

const quiet = (): void => {};

describe('a controller that does not own its nodes', () => {
  it('adopts what runs, starts nothing, and leaves everything as it is', async () => {
    const rig = await openGuest({}, ['c']);
    const { nodes } = await rig.controller.status();
    assert.deepEqual(
      nodes.map(({ state, inRotation }) => [state, inRotation]),
      [
        ['ready', true],
        ['ready', true],
        ['stopped', false],
      ],
    );
    await replace(rig);
    assert.equal(rig.node('c').running(), undefined);
    assert.deepEqual(
      [...rig.nodes.values()].flatMap((node) => node.signals()),
      [],
    );
    assert.deepEqual(
      rig.edges.map((edge) => edge.calls.filter((call) => /close|release/.test(call))),
      [['release ']],
    );
    assert.notEqual(rig.edges[0]?.pick(), undefined);
  });

  it('puts a node into rotation that somebody has started, once its checks have risen', async () => {
    const rig = await openGuest({}, ['c']);
    rig.sick.add('c');
    await rig.node('c').runner.start(never);
    await until('c is seen', async () => (await nodeStatus(rig, 'c')).pid !== undefined);
    assert.equal((await nodeStatus(rig, 'c')).inRotation, false);
    rig.sick.clear();
    await until('c serves', async () => (await nodeStatus(rig, 'c')).inRotation);
    assert.equal(rig.edges[0]?.isOut('c'), false);
  });

  it('starts no node that died, and takes it in again when it runs', async () => {
    const rig = await openGuest();
    rig.node('a').crash();
    await until('a is out', async () => rig.edges[0]?.isOut('a') === true);
    // the first try of an owner comes after a second
    await pause(1300);
    assert.deepEqual([rig.node('a').running(), (await nodeStatus(rig, 'a')).state], [undefined, 'stopped']);
    await rig.node('a').runner.start(never);
    await until('a serves', async () => (await nodeStatus(rig, 'a')).inRotation);
  });

  for (const [kind, node] of [
    ['stop', 'a'],
    ['drain', 'b'],
  ] as const) {
    it(`after "${kind}" a node that somebody starts stays out until ready, also for the next one`, async () => {
      let rig = await openGuest();
      await rig.controller.operate(kind, node, quiet);
      rig.node(node).crash();
      await until('it is gone', async () => (await nodeStatus(rig, node)).pid === undefined);
      await rig.node(node).runner.start(never);
      await until('it is seen', async () => (await nodeStatus(rig, node)).pid !== undefined);
      assert.equal((await nodeStatus(rig, node)).state, 'drained');
      rig = await replace(rig);
      assert.equal((await nodeStatus(rig, node)).state, 'drained');
      assert.equal(rig.edges[0]?.isOut(node), true);
      await rig.controller.operate('ready', node, quiet);
      assert.equal((await nodeStatus(rig, node)).state, 'ready');
    });
  }

  it('tries on where it has stopped a node itself and could not start it', async () => {
    const rig = await openGuest();
    const { LameduckError } = await import('@lameduck/core');
    rig.node('a').failStarts(new LameduckError('startFailed', 'no'));
    assert.equal((await rig.controller.operate('restart', 'a', quiet)).result, 'failed');
    rig.node('a').failStarts();
    await until('a serves', async () => (await nodeStatus(rig, 'a')).inRotation);
  });
});

/** Ends the controller, in an orderly way, at a point of an operation; gives the next one. */
async function endAt(kind: OperationKind, before: OperationKind | undefined, point: string): Promise<Rig> {
  const reached = Promise.withResolvers<void>();
  let isArmed = false;
  const onEffect = ({ effect, when }: EffectPoint): void => {
    if (isArmed && `${when} ${effect}` === point) reached.resolve();
  };
  const rig = await openGuest({ onEffect });
  if (before !== undefined) await rig.controller.operate(before, 'a', quiet);
  isArmed = true;
  const asked = rig.controller.operate(kind, 'a', quiet).catch(() => undefined);
  await Promise.race([reached.promise, asked]);
  return replace(rig);
}

const operations: readonly [
  kind: OperationKind,
  before: OperationKind | undefined,
  ends: readonly string[],
][] = [
  ['restart', undefined, ['ready']],
  ['drain', undefined, ['ready', 'drained']],
  ['stop', undefined, ['ready', 'stopped']],
  ['start', 'stop', ['stopped', 'ready']],
  ['ready', 'drain', ['drained', 'ready']],
];
const effects = [
  'begin',
  'checkGuard',
  'remove',
  'watchInFlight',
  'terminate',
  'awaitExit',
  'start',
  'awaitHealth',
  'restore',
  'settle',
];
const points = effects.flatMap((effect) => [`before ${effect}`, `after ${effect}`]);

describe('a controller that ends at any effect of an operation and leaves its nodes alone', () => {
  for (const [kind, before, ends] of operations) {
    it(`${kind}: the next one resumes or reverts it, strands no node, signals none twice`, async () => {
      const outcomes = await Promise.all(
        points.map(async (point) => [point, await endAt(kind, before, point)] as const),
      );
      for (const [point, rig] of outcomes) {
        await until(`${point}: all is settled`, async () => {
          const { nodes } = await rig.controller.status();
          return nodes.every(({ operation, state }) => operation === undefined && state !== 'starting');
        });
        const { state, reason } = await nodeStatus(rig, 'a');
        assert.ok(ends.includes(state), `${point}: a is ${state}: ${reason}`);
        assert.equal(rig.edges[0]?.isOut('a'), state !== 'ready', point);
        assert.deepEqual(
          [...rig.store.contents().keys()].filter((key) => key.startsWith('operations/')),
          [],
          `${point}: a lock is left`,
        );
        const signalled = rig
          .node('a')
          .signals()
          .map(({ pid }) => pid);
        assert.equal(new Set(signalled).size, signalled.length, `${point}: signalled twice`);
        assert.deepEqual(rig.broken, [], point);
        const [newest] = await rig.controller.history(1);
        assert.ok(newest === undefined || newest.report !== undefined, `${point}: open for ever`);
      }
    });
  }
});

it('a controller that is told to stop while an operation is being recorded stops', async () => {
  let closed: Promise<void> | undefined;
  const onEffect = ({ effect, when }: EffectPoint): void => {
    if (effect === 'begin' && when === 'before') closed = rig.controller.close(never);
  };
  const rig: Rig = makeRig({ onEffect });
  await rig.controller.open(never);
  const report = await rig.controller.operate('restart', 'a', quiet);
  await closed;
  assert.deepEqual([report.result, rig.node('a').running()], ['failed', undefined]);
});

describe('a pause of a service that it does not own', () => {
  it('ends no pause late: what the store did not take of an earlier one is not written over it', async () => {
    const rig = await openGuest({ edges: 2 });
    await rig.controller.pause('anna');
    rig.store.fill(true);
    await rig.controller.resume();
    rig.store.fill(false);
    await rig.controller.pause('ben');
    const next = await replace(rig);
    assert.equal((await next.controller.status()).paused?.by, 'ben');
    assert.deepEqual(
      next.edges.map((edge) => edge.pick()),
      [undefined, undefined],
    );
  });

  it('leaves no edge paused where it is stopped while a pause begins', async () => {
    const rig = await openGuest({ edges: 2 });
    const stuck = Promise.withResolvers<void>();
    rig.edges[1]?.holdNext('pause', stuck.promise);
    const begun = rig.controller.pause('anna').catch(() => 'given up');
    await until('one edge is paused', () => rig.edges[0]?.pick() === undefined);
    const closed = rig.controller.close(never);
    stuck.resolve();
    assert.equal(await begun, 'given up');
    await closed;
    rigs.splice(rigs.indexOf(rig), 1);
    for (const edge of rig.edges) assert.notEqual(edge.pick(), undefined);
  });
});
