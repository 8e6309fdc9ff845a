import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import type { HistoryEntry, OperationKind } from '@lameduck/core';
import { createFakeHooks, type FakeHooks } from '../src/adapters/fake/hooks.ts';
import type { EffectPoint } from '../src/effect-point.ts';
import { makeRig, never, type Rig, type RigOptions, until, worldOf } from './support/rig.ts';

/** One kind of operation on node `a`, with what must have happened before it. */
interface Scenario {
  readonly title: string;
  readonly options?: RigOptions;
  prepare?(rig: Rig): Promise<unknown> | unknown;
  run(rig: Rig): Promise<unknown>;
  /** What a node does that has lost its controller. */
  afterDeath?(rig: Rig): void;
  /** More operations than the one on `a` belong to it. */
  readonly isOfMany?: true;
  /** What the operator gets who had asked for it. */
  readonly ends: readonly ('ready' | 'drained' | 'stopped')[];
}

const quiet = (): void => {};
const operate = (kind: OperationKind) => (rig: Rig) => rig.controller.operate(kind, 'a', quiet);
function leave(rig: Rig): Promise<unknown> {
  const pid = rig.node('a').running()?.pid ?? 0;
  rig.node('a').signalFromElsewhere();
  return rig.controller.leave('a', { pid, waitMs: 90 }, quiet);
}

function failingHooks(): FakeHooks {
  const hooks = createFakeHooks();
  hooks.fail('beforeStart', 'exit 1');
  return hooks;
}

const scenarios: readonly Scenario[] = [
  { title: 'drain', run: operate('drain'), ends: ['ready', 'drained'] },
  { title: 'ready', prepare: operate('drain'), run: operate('ready'), ends: ['drained', 'ready'] },
  { title: 'stop', run: operate('stop'), ends: ['ready', 'stopped'] },
  { title: 'start', prepare: operate('stop'), run: operate('start'), ends: ['stopped', 'ready'] },
  { title: 'restart', run: operate('restart'), ends: ['ready'] },
  {
    title: 'restart of a drained node',
    prepare: operate('drain'),
    run: operate('restart'),
    ends: ['drained', 'ready'],
  },
  {
    title: 'restart of a node that must be killed',
    prepare: (rig) => rig.node('a').hang(),
    run: operate('restart'),
    ends: ['ready'],
  },
  {
    title: 'stop of a node that must be killed',
    prepare: (rig) => rig.node('a').hang(),
    run: operate('stop'),
    ends: ['ready', 'stopped'],
  },
  {
    title: 'restart that deploys',
    options: { hooks: new Map([['a', createFakeHooks()]]) },
    run: (rig) => rig.controller.rollout({ only: ['a'] }, quiet),
    ends: ['ready'],
  },
  {
    title: 'restart that deploys and is rolled back',
    options: { hooks: new Map([['a', failingHooks()]]) },
    run: (rig) => rig.controller.rollout({ only: ['a'] }, quiet),
    ends: ['ready'],
  },
  {
    title: 'rollout with two nodes under way at once',
    options: { nodes: ['a', 'b', 'c', 'd'] },
    run: (rig) => rig.controller.rollout({ batch: 2 }, quiet),
    isOfMany: true,
    ends: ['ready'],
  },
  {
    title: 'leave (announced by the node, against the guard)',
    options: { config: { availability: { minAvailable: 3 } } },
    run: leave,
    // our master leaves by itself where its controller ends without a release
    afterDeath: (rig) => rig.node('a').isLeaving() && rig.node('a').finish(),
    ends: ['ready'],
  },
];

const describePoint = ({ effect, when }: EffectPoint): string => `${when} ${effect}`;

const rigs: Rig[] = [];

async function openRig(options: RigOptions): Promise<Rig> {
  const rig = makeRig(options);
  rigs.push(rig);
  await rig.controller.open(never);
  return rig;
}

/** Every place of the operation in which its controller can end, in their order. */
async function pointsOf({ options, prepare, run }: Scenario): Promise<readonly string[]> {
  const points: string[] = [];
  let isWatched = false;
  const onEffect = (point: EffectPoint): void => {
    if (isWatched) points.push(describePoint(point));
  };
  const rig = await openRig({ ...options, onEffect });
  await prepare?.(rig);
  isWatched = true;
  await run(rig);
  return [...new Set(points)];
}

/** Runs the operation and kills its controller there; gives what it leaves behind. */
async function dieAt({ options, prepare, run, afterDeath }: Scenario, point: string): Promise<Rig> {
  const died = Promise.withResolvers<void>();
  let isArmed = false;
  const onEffect = (reached: EffectPoint): void => {
    if (!isArmed || describePoint(reached) !== point) return;
    rig.crash();
    died.resolve();
  };
  const rig: Rig = await openRig({ ...options, onEffect });
  await prepare?.(rig);
  isArmed = true;
  run(rig).catch(() => {});
  await died.promise;
  afterDeath?.(rig);
  return rig;
}

const locksOf = (rig: Rig): string[] =>
  [...rig.store.contents().keys()].filter((key) => /^(operations|rollouts)\//.test(key));

async function assertSettled(rig: Rig, ends: Scenario['ends'], point: string): Promise<void> {
  const { nodes } = await rig.controller.status();
  for (const { name, operation } of nodes) assert.equal(operation, undefined, `${name} is locked`);
  for (const { name, state, inRotation } of nodes.slice(1)) {
    assert.deepEqual([name, state, inRotation], [name, 'ready', true]);
  }
  const [a] = nodes;
  assert.ok(a && (ends as readonly string[]).includes(a.state), `${point}: a is ${a?.state}: ${a?.reason}`);
  for (const edge of rig.edges) assert.equal(edge.isOut('a'), a.state !== 'ready');
  assert.deepEqual(locksOf(rig), [], 'no lock is left');
  for (const [name, node] of rig.nodes) {
    const pids = node.signals().flatMap((signal) => (signal.name === 'SIGTERM' ? [signal.pid] : []));
    assert.equal(new Set(pids).size, pids.length, `${point}: ${name} was signalled twice`);
  }
  assert.deepEqual(rig.broken, []);
}

function assertHistory(entries: readonly HistoryEntry[], point: string): void {
  const [newest] = entries;
  if (point === 'before begin') return;
  assert.ok(newest?.report, `${point}: the operation is open for ever`);
  if (point === 'after settle') return;
  assert.equal(newest.report.result, 'failed');
  assert.match(newest.report.reason ?? '', /^the controller ended in phase \w+; (resumed|reverted)$/);
}

afterEach(async () => {
  for (const rig of rigs.splice(0)) if (!rig.isDead()) await rig.controller.close(AbortSignal.abort());
});

describe('E9: a controller that is killed at any effect of an operation', () => {
  for (const scenario of scenarios) {
    it(`${scenario.title}: resumes or reverts it, strands no node, signals none twice`, async (t) => {
      const points = await pointsOf(scenario);
      const outcomes = await Promise.all(
        points.map(async (point) => {
          const first = await dieAt(scenario, point);
          const second = await openRig({ ...scenario.options, ...worldOf(first) });
          await until(
            `${point}: settled`,
            async () =>
              locksOf(second).length === 0 &&
              (await second.controller.status()).nodes.every(({ operation }) => operation === undefined),
          );
          await assertSettled(second, scenario.ends, point);
          const entries = await second.controller.history(scenario.isOfMany ? 100 : 1);
          if (scenario.isOfMany)
            assert.ok(
              entries.every(({ report }) => report !== undefined),
              `${point}: an operation is open for ever`,
            );
          else assertHistory(entries, point);
          const [a] = (await second.controller.status()).nodes;
          return `${point}: ${a?.state} (${entries[0]?.report?.reason ?? entries[0]?.report?.result})`;
        }),
      );
      assert.ok(points.length >= 7, points.join(', '));
      t.diagnostic(`${points.length} fault points`);
      for (const outcome of outcomes) t.diagnostic(outcome);
    });
  }

  it('and its successor too, at any effect of what it resumes: the third one ends it', async (t) => {
    const restart: Scenario = { title: 'restart', run: operate('restart'), ends: ['ready'] };
    const resumed = [
      'before terminate',
      'before awaitExit',
      'before start',
      'before restore',
      'before settle',
    ];
    let count = 0;
    for (const [index, first] of resumed.entries()) {
      const points = resumed.slice(index).flatMap((point) => [point, point.replace('before', 'after')]);
      await Promise.all(
        points.map(async (point) => {
          const second = makeRig({
            ...worldOf(await dieAt(restart, first)),
            onEffect: (reached) => describePoint(reached) === point && second.crash(),
          });
          rigs.push(second);
          second.controller.open(never).catch(() => {});
          await until(`${first}, ${point}: the second one died`, () => second.isDead());
          const third = await openRig(worldOf(second));
          await assertSettled(third, restart.ends, `${first}, ${point}`);
          count += 1;
        }),
      );
    }
    t.diagnostic(`${count} pairs of fault points`);
  });
});
