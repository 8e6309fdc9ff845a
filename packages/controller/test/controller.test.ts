import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { LameduckError, type OperationProgress } from '@lameduck/core';
import { makeRig, never, nodeStatus, type Rig, until, useRigs, worldOf } from './support/rig.ts';

const { rigs, openRig } = useRigs();

const quiet = (): void => {};

describe('the controller', () => {
  it('starts every node, waits until they are healthy, then opens the edges with all of them in rotation', async () => {
    const rig = await openRig();
    const status = await rig.controller.status();
    assert.deepEqual(
      status.nodes.map(({ state, inRotation }) => [state, inRotation]),
      [
        ['ready', true],
        ['ready', true],
        ['ready', true],
      ],
    );
    assert.equal(rig.edges[0]?.calls[0], 'open');
  });

  it('leaves nothing running where one node of a fresh service does not start', async () => {
    const rig = makeRig();
    rig.node('b').failStarts(new LameduckError('startFailed', 'no database today'));
    await assert.rejects(rig.controller.open(never), /no database today/);
    for (const name of ['a', 'b', 'c']) assert.equal(rig.node(name).running(), undefined, name);
    await rig.controller.close(AbortSignal.abort());
  });

  it('starts no node of a fresh service where an edge would be refused for good, or none could be opened now', async () => {
    const rejected = new LameduckError('edgeRejected', 'nginx says no');
    const taken = new LameduckError('addressInUse', 'somebody has it');
    for (const [first, second] of [
      [rejected, undefined],
      [taken, taken],
    ]) {
      const rig = makeRig({ edges: 2 });
      for (const [index, problem] of [first, second].entries()) {
        const rehearse = (): Promise<void> =>
          problem === undefined ? Promise.resolve() : Promise.reject(problem);
        Object.assign(rig.edges[index] as object, { rehearse });
      }
      const opening = rig.controller.open(never);
      await opening.catch(quiet).finally(() => rig.controller.close(AbortSignal.abort()));
      await assert.rejects(opening, { code: first?.code });
      for (const name of ['a', 'b', 'c'])
        assert.deepEqual(rig.node(name).signals(), [], `${name} was started`);
      assert.ok(rig.edges.every((edge) => !edge.calls.includes('open')));
    }
  });

  it('starts a fresh service where one of its edges can be opened', async () => {
    const rig = makeRig({ edges: 2 });
    const rehearse = (): Promise<void> =>
      Promise.reject(new LameduckError('addressInUse', 'somebody has it'));
    Object.assign(rig.edges[0] as object, { rehearse });
    await rig.controller.open(never);
    assert.ok(rig.node('a').running());
    await rig.controller.close(AbortSignal.abort());
  });

  it('gives up a fresh service whose node never gets healthy, and says what the checks said', async () => {
    const rig = makeRig();
    rig.sick.add('c');
    await assert.rejects(rig.controller.open(never), /node "c": a healthy answer .* last check: status 503/);
    await rig.controller.close(AbortSignal.abort());
  });

  it('signals a node only after every edge has taken it out', async () => {
    const rig = await openRig({ edges: 3 });
    const held = Promise.withResolvers<void>();
    rig.edges[2]?.holdNext('remove', held.promise);
    const stopping = rig.controller.operate('stop', 'a', quiet);
    await until('two edges have removed it', () =>
      rig.edges.slice(0, 2).every((edge) => edge.calls.includes('remove a')),
    );
    assert.deepEqual(rig.node('a').signals(), []);
    held.resolve();
    assert.equal((await stopping).result, 'exited');
    assert.equal(rig.node('a').signals()[0]?.name, 'SIGTERM');
  });

  it('E24: lets sticky sessions end first, then takes the node out, then signals', async () => {
    const rig = await openRig({ edges: 2 });
    const [one, other] = rig.edges;
    assert.ok(one && other);
    const calls: string[] = [];
    const over = Promise.withResolvers<void>();
    Object.assign(one, {
      drain: async (node: string) => {
        calls.push(`drain ${node}`);
        await over.promise;
      },
    });
    Object.assign(other, { drain: () => Promise.reject(new LameduckError('edgeRejected', 'nginx says no')) });
    const stopping = rig.controller.operate('stop', 'a', quiet);
    await until('one edge drains', () => calls.length > 0);
    assert.ok(!one.calls.includes('remove a') && !other.calls.includes('remove a'));
    assert.deepEqual(rig.node('a').signals(), []);
    over.resolve();
    assert.equal((await stopping).result, 'exited');
    assert.deepEqual(calls, ['drain a']);
    assert.ok(one.calls.includes('remove a'));
    assert.equal(rig.node('a').signals()[0]?.name, 'SIGTERM');
  });

  it('E24: a node that fails gets no time for its sticky sessions', async () => {
    const rig = await openRig({ edges: 1 });
    const calls: string[] = [];
    Object.assign(rig.edges[0] ?? {}, { drain: async (node: string) => void calls.push(node) });
    rig.sick.add('a');
    await until('a is out for its health', () => rig.edges[0]?.leavesOut('a') === true);
    assert.equal((await rig.controller.operate('stop', 'a', quiet)).result, 'exited');
    assert.deepEqual(calls, []);
  });

  it('E7: puts a node back on all edges and signals nothing where one edge fails', async () => {
    const rig = await openRig({ edges: 3 });
    rig.edges[1]?.failNext('remove', new LameduckError('edgeRejected', 'nginx says no'));
    const report = await rig.controller.operate('stop', 'a', quiet);
    assert.deepEqual(
      [report.result, report.code, report.reason],
      ['failed', 'edgeRejected', 'nginx says no'],
    );
    assert.deepEqual(rig.node('a').signals(), []);
    const node = await nodeStatus(rig, 'a');
    assert.deepEqual([node.state, node.inRotation], ['ready', true]);
    for (const index of [0, 2]) assert.ok(rig.edges[index]?.calls.includes('restore a'));
  });

  it('E7: leaves a node out that was out before, where taking it out once more fails', async () => {
    const rig = await openRig({ edges: 2 });
    await rig.controller.operate('drain', 'a', quiet);
    rig.edges[0]?.failNext('remove', new LameduckError('edgeUnproven', 'no proof today'));
    assert.equal((await rig.controller.operate('stop', 'a', quiet)).result, 'failed');
    assert.deepEqual(
      rig.edges.map((edge) => edge.isOut('a')),
      [true, true],
    );
    assert.equal((await nodeStatus(rig, 'a')).state, 'drained');
  });

  it('never brings a node back that had SIGTERM because an edge does not tell what is in flight', async () => {
    const rig = await openRig();
    rig.edges[0]?.setInFlight('a', 1);
    rig.node('a').hang();
    const stopping = rig.controller.operate('stop', 'a', quiet);
    await until('a was sent SIGTERM', () => rig.node('a').signals().length > 0);
    rig.edges[0]?.failNext('inFlight', new LameduckError('edgeUnproven', 'no answer'));
    await new Promise((resolve) => setTimeout(resolve, 100));
    assert.equal((await nodeStatus(rig, 'a')).operation?.phase, 'wait');
    rig.node('a').finish();
    assert.equal((await stopping).result, 'exited');
    assert.equal((await nodeStatus(rig, 'a')).inRotation, false);
  });

  it('waits for the requests in flight, at most the drain time, before it signals', async () => {
    const rig = await openRig();
    rig.edges[0]?.setInFlight('a', 2);
    const progress: OperationProgress[] = [];
    const stopping = rig.controller.operate('stop', 'a', (line) => progress.push(line));
    await until('the count was told', () =>
      progress.some((line) => line.type === 'inFlight' && line.count === 2),
    );
    assert.deepEqual(rig.node('a').signals(), []);
    rig.edges[0]?.setInFlight('a', 0);
    const report = await stopping;
    assert.deepEqual([report.inFlight, report.answered, report.lost], [2, 2, 0]);
    rig.edges[0]?.setInFlight('b', 1);
    const late = await rig.controller.operate('stop', 'b', quiet);
    const drain = late.phases.find(({ name }) => name === 'drain');
    assert.ok(drain && drain.ms >= 290, `drained for ${drain?.ms} ms`);
  });

  it('kills the whole tree after grace and margin, and says so', async () => {
    const rig = await openRig();
    rig.node('a').hang();
    const pids = rig.node('a').livingPids();
    const report = await rig.controller.operate('stop', 'a', quiet);
    assert.equal(report.result, 'killed');
    assert.deepEqual(report.killed.toSorted(), pids.toSorted());
    const wait = report.phases.find(({ name }) => name === 'wait');
    assert.ok(wait && wait.ms >= 1990 && wait.ms < 2500, `killed after ${wait?.ms} ms`);
  });

  it('refuses a second operation on a node and names the first', async () => {
    const rig = await openRig();
    const first = rig.controller.operate('restart', 'a', quiet);
    await assert.rejects(rig.controller.operate('stop', 'a', quiet), (error: LameduckError) => {
      assert.equal(error.code, 'busy');
      assert.match(error.message, /one operation at a time is wanted: "restart" has run for/);
      return true;
    });
    assert.equal((await first).result, 'exited');
  });

  it('E10: lets of two simultaneous operations only one take a node where three of four must stay', async () => {
    const rig = await openRig({ nodes: ['a', 'b', 'c', 'd'], config: { availability: { minAvailable: 3 } } });
    const reports = await Promise.all(['a', 'b'].map((name) => rig.controller.operate('stop', name, quiet)));
    assert.deepEqual(reports.map(({ result }) => result).sort(), ['exited', 'refused']);
  });

  it('refuses what makes no sense for the node as it is', async () => {
    const rig = await openRig();
    await assert.rejects(rig.controller.operate('start', 'a', quiet), { code: 'usage' });
    await assert.rejects(rig.controller.operate('stop', 'z', quiet), { code: 'noSuchNode' });
    await rig.controller.operate('stop', 'a', quiet);
    await assert.rejects(rig.controller.operate('stop', 'a', quiet), { code: 'notRunning' });
    assert.equal((await rig.controller.operate('start', 'a', quiet)).result, 'started');
  });

  it('isolates a node whose checks fail and brings it back', async () => {
    const rig = await openRig();
    rig.sick.add('a');
    await until('a is out', async () => !(await nodeStatus(rig, 'a')).inRotation);
    assert.equal((await nodeStatus(rig, 'a')).state, 'unhealthy');
    rig.sick.delete('a');
    await until('a is back', async () => (await nodeStatus(rig, 'a')).state === 'ready');
    assert.deepEqual(
      rig.edges[0]?.calls.filter((call) => /^re\w+ a$/.test(call)),
      ['remove a', 'restore a'],
    );
  });

  it('keeps one node in rotation when the checks of all fail', async () => {
    const rig = await openRig();
    for (const name of ['a', 'b', 'c']) rig.sick.add(name);
    await until('all are down', async () =>
      (await rig.controller.status()).nodes.every(({ health }) => health === 'down'),
    );
    const inRotation = (await rig.controller.status()).nodes.filter((node) => node.inRotation);
    assert.equal(inRotation.length, 1);
    const [last] = inRotation;
    assert.equal((await rig.controller.operate('stop', last?.name ?? '', quiet)).result, 'refused');
  });

  it('leaves a drained node out although its checks come back', async () => {
    const rig = await openRig();
    await rig.controller.operate('drain', 'a', quiet);
    rig.sick.add('a');
    await until('a is down', async () => (await nodeStatus(rig, 'a')).health === 'down');
    rig.sick.delete('a');
    await until('a is up', async () => (await nodeStatus(rig, 'a')).health === 'up');
    assert.equal((await nodeStatus(rig, 'a')).state, 'drained');
    assert.equal((await rig.controller.operate('ready', 'a', quiet)).result, 'ready');
    assert.equal((await nodeStatus(rig, 'a')).state, 'ready');
  });

  it('starts a node again whose process died', async () => {
    const rig = await openRig();
    const before = rig.node('a').running();
    rig.node('a').crash();
    await until('another process serves', async () => {
      const now = rig.node('a').running();
      return now !== undefined && now.pid !== before?.pid && (await nodeStatus(rig, 'a')).state === 'ready';
    });
  });

  it('goes on with a node whose main process was upgraded, and never takes it out', async () => {
    const rig = await openRig();
    const before = rig.node('a').running()?.pid;
    rig.node('a').upgrade();
    await until('the new main process is known', async () => (await nodeStatus(rig, 'a')).pid !== before);
    const node = await nodeStatus(rig, 'a');
    assert.deepEqual([node.state, node.pid], ['ready', rig.node('a').running()?.pid]);
    assert.ok(!rig.edges[0]?.calls.includes('remove a'));
    assert.equal((await rig.controller.operate('restart', 'a', quiet)).result, 'exited');
  });

  it('tries again where a node that died does not start', async () => {
    const rig = await openRig();
    rig.node('a').failStarts(new LameduckError('startFailed', 'no database yet'));
    rig.node('a').crash();
    await until('one start has failed', async () =>
      (await rig.controller.history(5)).some(({ report }) => report?.result === 'failed'),
    );
    rig.node('a').failStarts();
    await until('it serves', async () => (await nodeStatus(rig, 'a')).state === 'ready');
  });

  it('brings a node back by itself whose restart failed for its health, once that has risen', async () => {
    const rig = await openRig();
    rig.sick.add('a');
    await until('a is out', async () => !(await nodeStatus(rig, 'a')).inRotation);
    const report = await rig.controller.operate('restart', 'a', quiet);
    assert.deepEqual([report.result, report.code], ['failed', 'startFailed']);
    rig.sick.delete('a');
    await until('a is back', async () => (await nodeStatus(rig, 'a')).state === 'ready');
  });

  it('rolls out in batches, aborts at the first failure and leaves the rest alone', async () => {
    const rig = await openRig({ nodes: ['a', 'b', 'c', 'd'] });
    const pid = rig.node('d').running()?.pid;
    rig.node('b').failStarts(new LameduckError('startFailed', 'no database today'));
    const report = await rig.controller.rollout({ batch: 1 }, quiet);
    assert.equal(report.result, 'aborted');
    assert.deepEqual(
      report.nodes.map(({ node, result }) => [node, result]),
      [
        ['a', 'exited'],
        ['b', 'failed'],
      ],
    );
    assert.deepEqual(report.untouched, ['c', 'd']);
    assert.equal(rig.node('d').running()?.pid, pid);
  });

  it('refuses a batch that would leave too few before it touches a node', async () => {
    const rig = await openRig();
    await assert.rejects(rig.controller.rollout({ batch: 3 }, quiet), { code: 'refused' });
    for (const name of ['a', 'b', 'c']) assert.deepEqual(rig.node(name).signals(), []);
  });

  it("adopts what runs after its predecessor died, and keeps the operator's drain", async () => {
    const first = makeRig();
    await first.controller.open(never);
    await first.controller.operate('drain', 'b', quiet);
    const pids = ['a', 'b', 'c'].map((name) => first.node(name).running()?.pid);
    first.crash();
    const second = await openRig({ found: first.nodes, store: first.store });
    assert.deepEqual(
      ['a', 'b', 'c'].map((name) => second.node(name).running()?.pid),
      pids,
    );
    assert.equal((await nodeStatus(second, 'b')).state, 'drained');
    for (const name of ['a', 'c']) assert.equal((await nodeStatus(second, name)).inRotation, true, name);
  });

  it('knows the health of what it adopted before it takes a command', async () => {
    const first = makeRig();
    await first.controller.open(never);
    first.crash();
    const second = await openRig({
      found: first.nodes,
      store: first.store,
      config: { health: { interval: '1m', rise: 2, fall: 2 } },
    });
    assert.equal((await nodeStatus(second, 'a')).health, 'up');
    assert.equal((await second.controller.operate('restart', 'a', quiet)).result, 'exited');
  });

  it('leaves running what it could not take over; the next one takes it over', async () => {
    const first = makeRig();
    await first.controller.open(never);
    first.crash();
    const second = makeRig(worldOf(first));
    second.edges[0]?.failNext('open', new LameduckError('edgeRejected', 'unknown directive'));
    await assert.rejects(second.controller.open(never), { code: 'edgeRejected' });
    await second.controller.close(never);
    for (const name of ['a', 'b', 'c']) {
      assert.deepEqual(first.node(name).signals(), [], name);
      assert.ok(first.node(name).running() !== undefined, name);
    }
    assert.ok(second.edges[0]?.pick() !== undefined, 'requests are answered');
    const third = await openRig({ found: second.nodes, foundEdges: second.edges });
    assert.equal((await nodeStatus(third, 'a')).inRotation, true);
  });

  it('opens although an adopted node is ill', async () => {
    const first = makeRig();
    await first.controller.open(never);
    first.crash();
    const second = makeRig({ found: first.nodes, store: first.store });
    rigs.push(second);
    second.sick.add('b');
    await second.controller.open(never);
    assert.equal((await nodeStatus(second, 'b')).health, 'down');
  });

  it('E9: lets a process that its predecessor was stopping end before the node serves again', async () => {
    const first = makeRig();
    await first.controller.open(never);
    first.node('b').hang();
    void first.controller.operate('restart', 'b', quiet);
    await until('b was sent SIGTERM', () => first.node('b').signals().length > 0);
    first.crash();
    const dying = first.node('b').running();
    const opening = openRig({ found: first.nodes, store: first.store });
    await until('the edges are open again', () =>
      (rigs.at(-1)?.edges[0]?.calls ?? []).some((call) => call.startsWith('open')),
    );
    assert.equal((await nodeStatus(rigs.at(-1) as Rig, 'b')).inRotation, false);
    first.node('b').finish();
    const second = await opening;
    assert.equal((await nodeStatus(second, 'b')).state, 'ready');
    assert.notEqual(second.node('b').running()?.pid, dying?.pid);
  });

  it('E9: ends what its predecessor was stopping for good', async () => {
    const first = makeRig();
    await first.controller.open(never);
    first.node('b').hang();
    void first.controller.operate('stop', 'b', quiet);
    await until('b was sent SIGTERM', () => first.node('b').signals().length > 0);
    first.crash();
    const second = await openRig({ found: first.nodes, store: first.store });
    assert.equal((await nodeStatus(second, 'b')).state, 'stopped');
    assert.equal(second.node('b').running(), undefined);
  });

  it('keeps what it did, the newest first', async () => {
    const rig = await openRig();
    await rig.controller.operate('drain', 'a', quiet);
    await rig.controller.operate('ready', 'a', quiet);
    const history = await rig.controller.history(5);
    assert.deepEqual(
      history.map(({ operation, subject, report }) => [operation, subject, report?.result]),
      [
        ['ready', 'a', 'ready'],
        ['drain', 'a', 'drained'],
      ],
    );
  });

  describe('E29: a node that was sent SIGTERM by somebody else', () => {
    const request = (rig: Rig, name: string, waitMs = 600) => ({
      pid: rig.node(name).running()?.pid ?? 0,
      waitMs,
    });

    it('is restarted like any other, and the report names the cause', async () => {
      const rig = await openRig();
      const before = rig.node('a').running()?.pid;
      const report = await rig.controller.leave('a', request(rig, 'a'), quiet);
      assert.deepEqual([report.operation, report.result, report.cause], ['restart', 'exited', 'node']);
      assert.ok(rig.edges[0]?.calls.includes('remove a'));
      assert.notEqual(rig.node('a').running()?.pid, before);
      assert.equal((await nodeStatus(rig, 'a')).state, 'ready');
    });

    it('waits for its turn while another one is away, and is told why', async () => {
      const rig = await openRig({ config: { availability: { minAvailable: 2 } } });
      rig.node('a').hang();
      const first = rig.controller.operate('restart', 'a', quiet);
      await until('a was sent SIGTERM', () => rig.node('a').signals().length > 0);
      const lines: OperationProgress[] = [];
      const second = rig.controller.leave('b', request(rig, 'b', 60_000), (line) => lines.push(line));
      await until('b waits', () => lines.some(({ type }) => type === 'waiting'));
      // its readiness fails from the signal on, yet it serves
      rig.sick.add('b');
      assert.equal((await nodeStatus(rig, 'b')).inRotation, true);
      rig.node('a').finish();
      await first;
      rig.sick.delete('b');
      const report = await second;
      assert.deepEqual([report.result, report.overruled], ['exited', undefined]);
    });

    for (const [waitMs, least, most] of [
      [5_200, 100, 1_000],
      [3_750, 0, 1_000],
    ] as const) {
      it(`goes against the guard when its patience is over, and leaves the edges 5 s (${waitMs} ms)`, async () => {
        const rig = await openRig({ config: { availability: { minAvailable: 3 } } });
        const report = await rig.controller.leave('a', request(rig, 'a', waitMs), quiet);
        assert.equal(report.result, 'exited');
        assert.match(report.overruled ?? '', /at least 3 must stay/);
        const ms = report.phases.find(({ name }) => name === 'check')?.ms ?? -1;
        assert.ok(ms >= least && ms <= most, `waited for ${ms} ms`);
      });
    }

    it('takes its turn after the operation that holds it', async () => {
      const rig = await openRig();
      const held = Promise.withResolvers<void>();
      rig.edges[0]?.holdNext('remove', held.promise);
      const draining = rig.controller.operate('drain', 'a', quiet);
      const lines: OperationProgress[] = [];
      const leaving = rig.controller.leave('a', request(rig, 'a'), (line) => lines.push(line));
      assert.deepEqual(lines, [{ type: 'waiting', node: 'a', reason: 'an operation is under way: drain' }]);
      held.resolve();
      assert.equal((await draining).result, 'drained');
      assert.equal((await leaving).result, 'exited');
    });

    it('is started again, later each time, where its start failed: nobody is watching', async () => {
      const rig = await openRig();
      rig.node('a').failStarts(new LameduckError('startFailed', 'port in use'));
      const report = await rig.controller.leave('a', request(rig, 'a'), quiet);
      assert.deepEqual([report.result, report.phases.at(-1)?.name], ['failed', 'start']);
      rig.node('a').failStarts();
      await until('it serves', async () => (await nodeStatus(rig, 'a')).state === 'ready');
    });

    it('is refused where the process is not the one of the node, or is being stopped already', async () => {
      const rig = await openRig();
      const foreign = rig.controller.leave('a', { pid: 1, waitMs: 100 }, quiet);
      await assert.rejects(
        foreign,
        /its main process in rotation is wanted \(pid \d+\): current value is pid 1/,
      );
      rig.node('a').hang();
      const stopping = rig.controller.operate('stop', 'a', quiet);
      await until('a was sent SIGTERM', () => rig.node('a').signals().length > 0);
      const late = rig.controller.leave('a', request(rig, 'a'), quiet);
      await assert.rejects(late, /current value is one that is out already/);
      rig.node('a').finish();
      await stopping;
    });
  });
});
