import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { LameduckError } from '@lameduck/core';
import type { NodeRunner, ProcessIdentity } from '../src/ports/node-runner.ts';

/** One node in a fresh state of its own, with what a test needs to play the world around the runner. */
export interface NodeUnderTest {
  readonly runner: NodeRunner;
  /** Another runner of the same node, as a restarted controller makes one. */
  reopen(): NodeRunner;
  /** A runner of the same node whose application cannot start; it logs `broken on purpose`. */
  broken(): NodeRunner;
  /** SIGKILL to the main process alone, by a stranger. */
  crash(node: ProcessIdentity): void;
  isAlive(pid: number): boolean;
  /** The node serves, or does not serve, on its address. */
  isServing(): Promise<boolean>;
  /** Another program listens on the node's address, until the function it gives is called. */
  holdAddress(): Promise<() => Promise<void>>;
  /** Ends whatever is left and removes the state. */
  close(): Promise<void>;
}

type Current = () => NodeUnderTest;

const deadline = (): AbortSignal => AbortSignal.timeout(20_000);

/** What every runner must do. */
export function describeNodeRunner(name: string, make: () => Promise<NodeUnderTest>): void {
  describe(`${name} as a node runner`, () => {
    let made: NodeUnderTest | undefined;
    const current: Current = () => {
      assert.ok(made);
      return made;
    };
    beforeEach(async () => {
      made = await make();
    });
    afterEach(async () => {
      await made?.close();
      made = undefined;
    });
    startTests(current);
    failureTests(current);
    deathTests(current);
    orphanTests(current);
    endTests(current);
    identityTests(current);
  });
}

function startTests(current: Current): void {
  it('finds nothing before the first start', async () => {
    assert.equal(await current().runner.find(), undefined);
  });

  it('starts a node, finds it and starts it only once', async () => {
    const { runner, isAlive } = current();
    const node = await runner.start(deadline());
    assert.ok(isAlive(node.pid));
    assert.ok(node.startTime > 0);
    assert.deepEqual(await runner.find(), node);
    assert.deepEqual(await runner.start(deadline()), node);
    assert.equal(await current().isServing(), true);
  });

  it('two starts at the same time start one node', async () => {
    const { runner } = current();
    const [one, other] = await Promise.all([runner.start(deadline()), runner.start(deadline())]);
    assert.deepEqual(one, other);
  });

  it('a restarted controller finds the node that the one before it started', async () => {
    const { runner, reopen } = current();
    const node = await runner.start(deadline());
    const later = reopen();
    assert.deepEqual(await later.find(), node);
    assert.deepEqual(await later.start(deadline()), node);
  });

  it('a node started again after its end is another process', async () => {
    const { runner } = current();
    const first = await runner.start(deadline());
    await runner.terminate(first);
    await runner.exited(first, deadline());
    const second = await runner.start(deadline());
    assert.notDeepEqual(second, first);
    assert.deepEqual(await runner.find(), second);
    assert.equal(await current().isServing(), true);
  });
}

function failureTests(current: Current): void {
  it('an application that cannot start is told with the end of its log, and nothing of it is left', async () => {
    const broken = current().broken();
    await assert.rejects(broken.start(deadline()), (thrown: unknown) => {
      assert.ok(thrown instanceof LameduckError);
      assert.equal(thrown.code, 'startFailed');
      assert.match(thrown.message, /broken on purpose/);
      return true;
    });
    assert.equal(await broken.find(), undefined);
    assert.equal(await current().isServing(), false);
  });

  it('a start on an address that something else holds is refused and names the holder', async () => {
    const release = await current().holdAddress();
    try {
      await assert.rejects(current().runner.start(deadline()), (thrown: unknown) => {
        assert.ok(thrown instanceof LameduckError);
        assert.equal(thrown.code, 'addressInUse');
        assert.match(thrown.message, /held by pid \d+ \(.+\)/);
        return true;
      });
      assert.equal(await current().runner.find(), undefined);
    } finally {
      await release();
    }
  });

  it('an aborted start leaves no process', async () => {
    const { runner } = current();
    const abort = new AbortController();
    const starting = runner.start(abort.signal);
    setImmediate(() => abort.abort(new Error('enough')));
    await starting.then(
      // A node that was up before the abort could be seen is a node.
      (node) => runner.kill(node),
      (thrown: unknown) => assert.match(String(thrown), /enough|abort/i),
    );
    assert.equal(await runner.find(), undefined);
    assert.equal(await current().isServing(), false);
  });

  it('a start with an aborted signal starts nothing', async () => {
    const { runner } = current();
    await assert.rejects(runner.start(AbortSignal.abort(new Error('enough'))), /enough/);
    assert.equal(await runner.find(), undefined);
  });
}

function deathTests(current: Current): void {
  it('the death of the main process is told', async () => {
    const { runner, crash } = current();
    const node = await runner.start(deadline());
    const died = runner.died(node, deadline());
    crash(node);
    assert.equal(typeof (await died), 'string');
    assert.equal(await runner.find(), undefined);
  });

  it('an end that was asked for is no death', async () => {
    const { runner } = current();
    const node = await runner.start(deadline());
    const abort = new AbortController();
    const died = runner.died(node, abort.signal);
    await runner.terminate(node);
    await runner.exited(node, deadline());
    abort.abort(new Error('no longer watched'));
    await assert.rejects(died, /no longer watched/);
  });
}

function orphanTests(current: Current): void {
  it('a kill ends the workers that a dead main process left', async () => {
    const { runner, crash, isAlive } = current();
    const node = await runner.start(deadline());
    const workers = await runner.workers(node);
    crash(node);
    await runner.died(node, deadline());
    await runner.kill(node);
    await runner.exited(node, deadline());
    assert.deepEqual(
      workers.filter(({ pid }) => isAlive(pid)),
      [],
    );
    assert.equal(await current().isServing(), false);
  });

  it('a node whose main process has died is terminated through its workers', async () => {
    const { runner, crash } = current();
    const node = await runner.start(deadline());
    crash(node);
    await runner.died(node, deadline());
    await runner.terminate(node);
    await runner.exited(node, deadline());
    assert.equal(await current().isServing(), false);
  });

  it('a restarted controller ends the workers that a dead main process left, and starts anew', async () => {
    const { runner, crash, reopen, isAlive } = current();
    const node = await runner.start(deadline());
    const orphans = await runner.workers(node);
    crash(node);
    await runner.died(node, deadline());
    const second = await reopen().start(deadline());
    assert.notDeepEqual(second, node);
    assert.deepEqual(
      orphans.filter(({ pid }) => isAlive(pid)),
      [],
    );
  });
}

function endTests(current: Current): void {
  it('a terminated node ends with all its workers', async () => {
    const { runner, isAlive } = current();
    const node = await runner.start(deadline());
    const workers = await runner.workers(node);
    await runner.terminate(node);
    await runner.exited(node, deadline());
    assert.equal(await runner.find(), undefined);
    for (const { pid } of [node, ...workers]) assert.equal(isAlive(pid), false);
    assert.equal(await current().isServing(), false);
  });

  it('waiting for the end of a living node stops when the signal aborts', async () => {
    const { runner } = current();
    const node = await runner.start(deadline());
    const abort = new AbortController();
    const exited = runner.exited(node, abort.signal);
    abort.abort(new Error('enough'));
    await assert.rejects(exited, /enough/);
    assert.deepEqual(await runner.find(), node);
  });

  it('a kill resolves with the pids once they are gone', async () => {
    const { runner, isAlive } = current();
    const node = await runner.start(deadline());
    const workers = await runner.workers(node);
    const killed = await runner.kill(node);
    for (const { pid } of [node, ...workers]) {
      assert.ok(killed.includes(pid));
      assert.equal(isAlive(pid), false);
    }
    assert.equal(await current().isServing(), false);
  });

  it('terminating, killing and waiting for a node that has ended do nothing', async () => {
    const { runner } = current();
    const node = await runner.start(deadline());
    await runner.kill(node);
    await runner.terminate(node);
    assert.deepEqual(await runner.kill(node), []);
    assert.deepEqual(await runner.workers(node), []);
    await runner.exited(node, deadline());
  });
}

function identityTests(current: Current): void {
  it('a pid with another start time is a stranger that gets no signal', async () => {
    const { runner } = current();
    const node = await runner.start(deadline());
    const stranger = { pid: node.pid, startTime: node.startTime - 1 };
    await runner.terminate(stranger);
    assert.deepEqual(await runner.kill(stranger), []);
    await runner.exited(stranger, deadline());
    assert.deepEqual(await runner.workers(stranger), []);
    assert.deepEqual(await runner.find(), node);
    assert.equal(await current().isServing(), true);
  });
}
