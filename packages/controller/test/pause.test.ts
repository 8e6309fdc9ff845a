import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { LameduckError, type ServiceStatus } from '@lameduck/core';
import { createFakeStore } from '../src/adapters/fake/store.ts';
import { systemClock } from '../src/adapters/system/clock.ts';
import { notePause, readPause } from '../src/store/pause-note.ts';
import { type Rig, until, useRigs, worldOf } from './support/rig.ts';

const { rigs, openRig } = useRigs();
const refusal = new LameduckError('edgeRejected', 'Cannot pause edge "e1": it must have the gate');

/** As after SIGKILL: what it was doing never ends, so that nobody can close it either. */
function crash(rig: Rig): void {
  rig.crash();
  rigs.splice(rigs.indexOf(rig), 1);
}

const status = (rig: Rig): Promise<ServiceStatus> => rig.controller.status();
const picks = (rig: Rig): boolean[] => rig.edges.map((edge) => edge.pick() !== undefined);

describe('a pause of the service', () => {
  it('lets requests wait at every edge until it is ended, and says who began it', async () => {
    const rig = await openRig({ edges: 3 });
    const paused = await rig.controller.pause('anna', 9_000);
    assert.deepEqual([paused.by, paused.holdMs, paused.inFlight], ['anna', 9_000, 0]);
    assert.deepEqual(picks(rig), [false, false, false]);
    const now = await status(rig);
    assert.deepEqual([now.paused?.by, now.paused?.sinceMs], ['anna', paused.sinceMs]);
    for (const edge of now.edges) assert.equal(edge.paused?.holdMs, 9_000);
    await rig.controller.resume();
    assert.deepEqual(picks(rig), [true, true, true]);
    assert.equal((await status(rig)).paused, undefined);
    await rig.controller.resume();
  });

  it('waits as long as availability.hold says where nothing else is said', async () => {
    const rig = await openRig({ config: { availability: { hold: '7s' } } });
    assert.equal((await rig.controller.pause()).holdMs, 7_000);
  });

  it('where one edge cannot hold, all go on as before, and nothing is left for the next controller', async () => {
    const first = await openRig({ edges: 3 });
    first.edges[1]?.failNext('pause', refusal);
    await assert.rejects(first.controller.pause(), { code: 'edgeRejected' });
    assert.deepEqual(picks(first), [true, true, true]);
    assert.equal((await status(first)).paused, undefined);
    crash(first);
    const second = await openRig(worldOf(first));
    assert.deepEqual(picks(second), [true, true, true]);
  });

  it('a second one that fails leaves the first as it was', async () => {
    const rig = await openRig({ edges: 2 });
    await rig.controller.pause('anna', 9_000);
    rig.edges[1]?.failNext('pause', refusal);
    await assert.rejects(rig.controller.pause('ben', 1_000), { code: 'edgeRejected' });
    const now = await status(rig);
    assert.deepEqual([now.paused?.by, now.paused?.holdMs], ['anna', 9_000]);
    for (const edge of now.edges) assert.equal(edge.paused?.holdMs, 9_000);
  });

  it('tells what is still under way once drainTimeout is over, and at once where all is answered', async () => {
    const rig = await openRig();
    rig.edges[0]?.setInFlight('b', 2);
    assert.equal((await rig.controller.pause()).inFlight, 2);
    const again = rig.controller.pause();
    rig.edges[0]?.setInFlight('b', 0);
    assert.equal((await again).inFlight, 0);
  });

  it('is known to the controller that takes over from one that died, and can be ended by it', async () => {
    const first = await openRig({ edges: 2 });
    const { sinceMs } = await first.controller.pause('anna', 9_000);
    crash(first);
    const second = await openRig(worldOf(first));
    const { paused } = await status(second);
    assert.deepEqual(paused, { by: 'anna', sinceMs, holdMs: 9_000 });
    assert.deepEqual(picks(second), [false, false]);
    await second.controller.resume();
    crash(second);
    const third = await openRig(worldOf(second));
    assert.deepEqual(picks(third), [true, true]);
  });

  it('that was begun at one edge when the controller died is finished by the next one', async () => {
    const first = await openRig({ edges: 2 });
    const stuck = Promise.withResolvers<void>();
    first.edges[1]?.holdNext('pause', stuck.promise);
    first.controller.pause('anna').catch(() => {});
    await until('one edge is paused', () => picks(first)[0] === false);
    crash(first);
    stuck.resolve();
    const second = await openRig(worldOf(first));
    assert.deepEqual(picks(second), [false, false]);
  });

  it('whose end was begun at one edge when the controller died is ended by the next one', async () => {
    const first = await openRig({ edges: 2 });
    await first.controller.pause();
    const stuck = Promise.withResolvers<void>();
    first.edges[1]?.holdNext('resume', stuck.promise);
    first.controller.resume().catch(() => {});
    await until('one edge goes on', () => picks(first)[0] === true);
    crash(first);
    stuck.resolve();
    const second = await openRig(worldOf(first));
    assert.deepEqual(picks(second), [true, true]);
    assert.equal((await status(second)).paused, undefined);
  });

  it('is over also for an edge that was down when it ended, and starts as its files say', async () => {
    const rig = await openRig({ edges: 2 });
    await rig.controller.pause('anna');
    rig.edges[1]?.crash();
    await assert.rejects(rig.controller.resume(), { code: 'notRunning' });
    assert.equal((await status(rig)).paused, undefined);
    rig.edges[1]?.restart();
    assert.deepEqual(picks(rig), [true, false]);
    await until('the other edge goes on', () => picks(rig)[1] === true);
    assert.deepEqual(picks(rig), [true, true]);
  });

  it('is begun again at an edge that somebody has let go on', async () => {
    const rig = await openRig({ edges: 2 });
    await rig.controller.pause('anna', 9_000);
    await rig.edges[1]?.resume(new AbortController().signal);
    assert.deepEqual(picks(rig), [false, true]);
    await until('both edges hold', () => picks(rig)[1] === false);
    assert.equal((await status(rig)).edges[1]?.paused?.holdMs, 9_000);
  });

  it('is forgotten by an orderly stop', async () => {
    const first = await openRig();
    await first.controller.pause();
    await first.controller.close(AbortSignal.abort());
    rigs.splice(rigs.indexOf(first), 1);
    // what a controller could not delete, its store being full
    const store = createFakeStore(systemClock);
    await notePause(store, { sinceMs: 1, holdMs: 1_000 });
    const second = await openRig({ store, foundEdges: first.edges });
    assert.deepEqual(picks(second), [true]);
    assert.equal((await status(second)).paused, undefined);
    assert.equal(await readPause(store), undefined);
  });
});
