import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { findMaster } from '../../src/adapters/nginx/master.ts';
import { type Bench, ignore, isAlive, makeBench, send, soon, until } from './harness.ts';
import { startLoad } from './load.ts';

function askedOf(bench: Bench, name: string): number {
  return bench.backends.find(({ node }) => node.name === name)?.asked.length ?? 0;
}

describe('E17: a real binary upgrade of nginx (USR2) while a node is out', () => {
  let bench: Bench;
  before(async () => {
    bench = await makeBench({ kind: 'managed', mode: 'gate' });
    await bench.edge.open([], soon());
  });
  after(async () => await bench.dispose());

  /** Both masters run afterwards; gives the pid of the old one. */
  async function beginUpgrade(): Promise<number> {
    const old = findMaster(bench.pidFile)?.pid ?? 0;
    process.kill(old, 'SIGUSR2');
    const isBegun = (): boolean => {
      const now = existsSync(`${bench.pidFile}.oldbin`) ? findMaster(bench.pidFile)?.pid : undefined;
      return now !== undefined && now !== old && bench.workers().length > 0;
    };
    await until(isBegun);
    return old;
  }

  for (const way of ['finished', 'taken back'] as const) {
    it(`${way}: the node stays out of both binaries, changes are refused meanwhile, nothing is lost`, async () => {
      await bench.edge.remove('a', ignore, soon());
      await until(async () => (await bench.edge.inFlight('a', soon())) === 0);
      const before = askedOf(bench, 'a');
      const load = startLoad(bench.port, bench.backends, { connections: 8, isKeepAlive: false });
      const old = await beginUpgrade();
      for (const refused of [
        bench.edge.remove('b', ignore, soon()),
        bench.edge.restore('a', ignore, soon()),
        bench.edge.pause(soon()),
        bench.edge.resume(soon()),
      ])
        await assert.rejects(refused, { code: 'edgeRejected', message: /binary upgrade is under way/ });
      const during = await bench.edge.status(soon());
      assert.deepEqual(
        [during.state, during.reason],
        ['ready', `a binary upgrade is under way (${bench.pidFile}.oldbin)`],
      );
      const { pid: young = 0 } = findMaster(bench.pidFile) ?? {};
      process.kill(way === 'finished' ? old : young, 'SIGQUIT');
      const stays = way === 'finished' ? young : old;
      await until(() => !isAlive(way === 'finished' ? old : young));
      await until(() => findMaster(bench.pidFile)?.pid === stays && !existsSync(`${bench.pidFile}.oldbin`));
      assert.equal((await bench.edge.status(soon())).reason, undefined);
      await bench.edge.remove('b', ignore, soon());
      const { sent, lost, duplicates } = await load.stop();
      assert.ok(sent > 50, `only ${sent} requests were sent`);
      assert.deepEqual({ lost, duplicates }, { lost: [], duplicates: 0 });
      assert.equal(askedOf(bench, 'a'), before, 'the node that was out was asked');
      assert.deepEqual((await bench.edge.status(soon())).out, ['a', 'b']);
      for (const name of ['a', 'b']) await bench.edge.restore(name, ignore, soon());
      const answers = await Promise.all(Array.from({ length: 30 }, () => bench.ask()));
      assert.deepEqual([...new Set(answers.map(([name]) => name))].sort(), ['a', 'b', 'c']);
    });
  }
});

/** Fills the gate's dict to the last byte; a location of the user's own nginx. */
const fill = `location = /fill { content_by_lua_block {
  local dict, count = ngx.shared.lameduck_shop, 0
  for size = 2000, 1, -1 do
    if size == 2000 or size % 50 == 1 then
      while dict:safe_add("junk-" .. size .. "-" .. count, ("x"):rep(size)) do count = count + 1 end
    end
  end
  ngx.print(count)
} }`;

describe('a full shared dict', () => {
  let bench: Bench;
  before(async () => {
    bench = await makeBench({ kind: 'attached', mode: 'gate', server: fill });
    await bench.edge.open([], soon());
    await Promise.all(Array.from({ length: 20 }, () => bench.ask()));
    assert.ok(Number(await bench.ask('/fill')) > 1000);
  });
  after(async () => await bench.dispose());

  it('loses no request; a node is out with proof and in flight falls to 0, or nothing has changed', async () => {
    const load = startLoad(bench.port, bench.backends, { connections: 12, isKeepAlive: true });
    for (const name of ['a', 'b', 'a']) {
      const outcome = await bench.edge.remove(name, ignore, soon()).catch((thrown: unknown) => thrown);
      const { out } = await bench.edge.status(soon());
      if (outcome instanceof Error) {
        assert.match(outcome.message, /507 no memory/);
        assert.deepEqual(out, []);
        continue;
      }
      assert.deepEqual(out, [name]);
      await until(async () => (await bench.edge.inFlight(name, soon())) === 0);
      const before = askedOf(bench, name);
      await new Promise((resolve) => setTimeout(resolve, 100));
      assert.equal(askedOf(bench, name), before, `${name} was asked while it was out`);
      await bench.edge.restore(name, ignore, soon());
    }
    const { sent, lost, duplicates } = await load.stop();
    assert.ok(sent > 100, `only ${sent} requests were sent`);
    assert.deepEqual({ lost, duplicates }, { lost: [], duplicates: 0 });
  });

  it('new workers that find no room for their counters fall back to the connections', async () => {
    const old = bench.workers();
    process.kill((await bench.edge.status(soon())).pid ?? 0, 'SIGHUP');
    await until(() => bench.workers().length > 0 && bench.workers().every((pid) => !old.includes(pid)));
    const waiting = Array.from({ length: 6 }, () => bench.ask('/wait'));
    await until(
      () => bench.backends.flatMap(({ asked }) => asked).filter((path) => path === '/wait').length === 6,
    );
    for (const { node } of bench.backends)
      assert.ok((await bench.edge.inFlight(node.name, soon())) >= 2, `in flight to ${node.name}`);
    for (const { release } of bench.backends) release();
    assert.equal((await Promise.all(waiting)).length, 6);
    // idle connections are kept for 4 s and cannot be told from busy ones
    for (const { node } of bench.backends)
      await until(async () => (await bench.edge.inFlight(node.name, soon())) === 0, 15_000);
  });
});

for (const mode of ['gate', 'reload'] as const) {
  describe(`E21: a node that fails (max_fails) beside one that is out, in ${mode} mode`, () => {
    it('every request is answered by the third, and nginx never says "no live upstreams"', async () => {
      const bench = await makeBench({ kind: 'managed', mode });
      try {
        await bench.edge.open([], soon());
        await bench.edge.remove('a', ignore, soon());
        await bench.backends[1].close();
        for (let turn = 0; turn < 60; turn += 1) {
          const answer = await send(bench.port, { method: turn % 2 === 0 ? 'GET' : 'POST', body: 'x' });
          assert.deepEqual([answer.status, answer.body[0]], [200, 'c']);
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
        assert.doesNotMatch(readFileSync(join(bench.folder, 'edge/error.log'), 'utf8'), /no live upstreams/);
      } finally {
        await bench.dispose();
      }
    });
  });
}
