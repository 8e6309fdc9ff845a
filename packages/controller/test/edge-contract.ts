import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { LameduckError } from '@lameduck/core';
import type { Edge, EdgeProgress } from '../src/ports/edge.ts';

/** One edge under test, with at least three nodes `a`, `b` and `c`. */
export interface EdgeUnderTest {
  readonly edge: Edge;
  /** The node that answers one request; `undefined` where none does. */
  ask(): Promise<string | undefined>;
  /** Ends everything that `make` began. */
  dispose(): Promise<void>;
}

const soon = (): AbortSignal => AbortSignal.timeout(20_000);
const ignore = (): void => undefined;

async function askMany(subject: EdgeUnderTest, times = 24): Promise<Set<string | undefined>> {
  const seen = new Set<string | undefined>();
  for (let index = 0; index < times; index += 1) seen.add(await subject.ask());
  return seen;
}

const hasCode =
  (code: string) =>
  (thrown: unknown): boolean =>
    thrown instanceof LameduckError && thrown.code === code;

/** What every adapter of the port `Edge` keeps, and the fake too. */
export function describeEdge(title: string, make: () => Promise<EdgeUnderTest>): void {
  describe(title, () => {
    let subject: EdgeUnderTest;
    before(async () => {
      subject = await make();
    });
    after(async () => await subject.dispose());

    it('open resolves when exactly the given nodes are left out', async () => {
      await subject.edge.open(['b'], soon());
      assert.deepEqual([...(await askMany(subject))].sort(), ['a', 'c']);
      const status = await subject.edge.status(soon());
      assert.deepEqual(
        [status.name, status.mode, status.state, status.out],
        [subject.edge.name, subject.edge.mode, 'ready', ['b']],
      );
    });

    it('open on an open edge adopts it and takes over the new list', async () => {
      await subject.edge.open([], soon());
      assert.deepEqual([...(await askMany(subject))].sort(), ['a', 'b', 'c']);
    });

    it('remove resolves with a proof, after which no request reaches the node', async () => {
      const progress: EdgeProgress[] = [];
      const proof = await subject.edge.remove('a', (one) => progress.push(one), soon());
      assert.deepEqual([...(await askMany(subject))].sort(), ['b', 'c']);
      assert.deepEqual([proof.edge, proof.mode], [subject.edge.name, subject.edge.mode]);
      assert.ok(proof.ms >= 0 && proof.generation > 0);
      assert.equal(progress[0]?.state, 'applied');
      assert.equal(progress.at(-1)?.state, 'quiesced');
    });

    it('remove of a node that is out already resolves again', async () => {
      const proof = await subject.edge.remove('a', ignore, soon());
      assert.ok(proof.generation > 0);
      assert.deepEqual((await subject.edge.status(soon())).out, ['a']);
    });

    it('restore resolves when requests reach the node again, also twice', async () => {
      const progress: EdgeProgress[] = [];
      const removed = await subject.edge.remove('a', ignore, soon());
      const restored = await subject.edge.restore('a', (one) => progress.push(one), soon());
      assert.ok(restored.generation > removed.generation);
      assert.equal(progress[0]?.state, 'applied');
      assert.deepEqual([...(await askMany(subject))].sort(), ['a', 'b', 'c']);
      await subject.edge.restore('a', ignore, soon());
    });

    it('concurrent changes all resolve and the last one of each node holds', async () => {
      const { edge } = subject;
      await Promise.all([
        edge.remove('a', ignore, soon()),
        edge.remove('b', ignore, soon()),
        edge.restore('a', ignore, soon()),
        edge.remove('c', ignore, soon()),
        edge.restore('c', ignore, soon()),
      ]);
      assert.deepEqual((await edge.status(soon())).out, ['b']);
      assert.deepEqual([...(await askMany(subject))].sort(), ['a', 'c']);
      await edge.restore('b', ignore, soon());
    });

    it('an unknown node is noSuchNode and changes nothing', async () => {
      await assert.rejects(subject.edge.remove('zz', ignore, soon()), hasCode('noSuchNode'));
      await assert.rejects(subject.edge.restore('zz', ignore, soon()), hasCode('noSuchNode'));
      assert.deepEqual((await subject.edge.status(soon())).out, []);
    });

    it('a change whose signal has aborted is edgeUnproven and changes nothing', async () => {
      await assert.rejects(subject.edge.remove('a', ignore, AbortSignal.abort()), hasCode('edgeUnproven'));
      assert.deepEqual((await subject.edge.status(soon())).out, []);
      assert.deepEqual([...(await askMany(subject))].sort(), ['a', 'b', 'c']);
    });

    it('prepare of one that runs is false and changes nothing', async () => {
      assert.equal(await subject.edge.prepare(() => ['a'], soon()), false);
      assert.deepEqual((await subject.edge.status(soon())).out, []);
      assert.deepEqual([...(await askMany(subject))].sort(), ['a', 'b', 'c']);
    });

    it('a node that is out and has answered everything has nothing in flight', async () => {
      await subject.edge.remove('c', ignore, soon());
      assert.equal(await subject.edge.inFlight('c', soon()), 0);
      await subject.edge.restore('c', ignore, soon());
    });

    it('release leaves it as it is, also what is out, until it is opened again', async () => {
      await subject.edge.remove('a', ignore, soon());
      await subject.edge.release();
      assert.deepEqual([...(await askMany(subject))].sort(), ['b', 'c']);
      await subject.edge.open([], soon());
      assert.deepEqual([...(await askMany(subject))].sort(), ['a', 'b', 'c']);
    });

    it('pause lasts until resume, or is edgeRejected and changes nothing; both may be repeated', async () => {
      const { edge } = subject;
      const refusal = await edge.pause(soon(), 9_000).then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
      const { paused } = await edge.status(soon());
      if (refusal === undefined) {
        assert.equal(paused?.holdMs, 9_000);
        await edge.pause(soon(), 8_000);
        const again = await edge.status(soon());
        assert.deepEqual(again.paused, { sinceMs: paused?.sinceMs, holdMs: 8_000 });
      } else {
        assert.ok(hasCode('edgeRejected')(refusal), String(refusal));
        assert.equal(paused, undefined);
      }
      await edge.resume(soon());
      await edge.resume(soon());
      assert.equal((await edge.status(soon())).paused, undefined);
      assert.deepEqual([...(await askMany(subject))].sort(), ['a', 'b', 'c']);
    });

    it('close may be called twice, and a change after it is notRunning', async () => {
      await subject.edge.close(soon());
      await subject.edge.close(soon());
      await assert.rejects(subject.edge.remove('a', ignore, soon()), hasCode('notRunning'));
    });
  });
}
