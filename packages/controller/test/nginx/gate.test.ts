import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { createNginxEdge } from '../../src/adapters/nginx/edge.ts';
import type { NginxBalance } from '../../src/adapters/nginx/options.ts';
import { type Bench, ignore, makeBench, send, soon, until } from './harness.ts';
import { startLoad } from './load.ts';
import { refusal } from './refusal.ts';
import { beginUpload } from './slow-client.ts';

const names = ['a', 'b', 'c'] as const;

function backend(bench: Bench, name: (typeof names)[number]) {
  return bench.backends[names.indexOf(name)] ?? bench.backends[0];
}

async function restoreAll(bench: Bench): Promise<void> {
  await Promise.all(names.map((name) => bench.edge.restore(name, ignore, soon())));
}

describe('the gate of a managed nginx', () => {
  let bench: Bench;
  before(async () => {
    bench = await makeBench({ kind: 'managed', mode: 'gate' });
    await bench.edge.open([], soon());
  });
  after(async () => await bench.dispose());

  it('E1: loses and doubles no request while nodes leave and come back under keep-alive load', async () => {
    const load = startLoad(bench.port, bench.backends, { connections: 20, isKeepAlive: true });
    for (let round = 0; round < 12; round += 1) {
      const name = names[round % 3] ?? 'a';
      await bench.edge.remove(name, ignore, soon());
      await until(async () => (await bench.edge.inFlight(name, soon())) === 0);
      const before = backend(bench, name).asked.length;
      await delay(60);
      assert.equal(backend(bench, name).asked.length, before, `a request reached ${name} after its removal`);
      await bench.edge.restore(name, ignore, soon());
    }
    const { sent, lost, duplicates } = await load.stop();
    assert.ok(sent > 500, `only ${sent} requests were sent`);
    assert.deepEqual({ lost, duplicates }, { lost: [], duplicates: 0 });
  });

  it('E3: an upload begun before the removal never reaches the node', async () => {
    const uploads = await Promise.all(
      Array.from({ length: 9 }, (_, index) => beginUpload(bench.port, `upload-${index}`)),
    );
    await bench.edge.remove('a', ignore, soon());
    const answers = await Promise.all(uploads.map(async ({ finish }) => await finish()));
    for (const answer of answers) assert.match(answer, /^HTTP\/1\.1 200 [\s\S]*[bc] POST 10$/);
    assert.deepEqual(
      backend(bench, 'a').asked.filter((id) => id.startsWith('upload-')),
      [],
    );
    await restoreAll(bench);
  });

  it('counts what is in flight to a node, also what nginx itself placed, down to 0', async () => {
    const waiting = Array.from({ length: 6 }, () => bench.ask('/wait'));
    await until(() =>
      bench.backends.every(({ asked }) => asked.filter((url) => url === '/wait').length === 2),
    );
    await bench.edge.remove('a', ignore, soon());
    const begun = await bench.edge.inFlight('a', soon());
    assert.ok(begun >= 2 && begun <= 6, `${begun} in flight`);
    backend(bench, 'a').release();
    await until(async () => (await bench.edge.inFlight('a', soon())) === 0);
    for (const { release } of bench.backends) release();
    await Promise.all(waiting);
    await restoreAll(bench);
    for (const name of names) await until(async () => (await bench.edge.inFlight(name, soon())) === 0);
  });

  it('a stream to another node does not keep the count of a removed node above 0', async () => {
    const streams = Array.from({ length: 3 }, () => bench.ask('/stream'));
    await until(() =>
      bench.backends.every(({ asked }) => asked.filter((url) => url === '/stream').length === 1),
    );
    await bench.edge.remove('b', ignore, soon());
    backend(bench, 'b').release();
    await until(async () => (await bench.edge.inFlight('b', soon())) === 0, 3_000);
    assert.equal(await bench.edge.inFlight('a', soon()), 1);
    for (const { release } of bench.backends) release();
    await Promise.all(streams);
    await restoreAll(bench);
  });

  it('the count survives an nginx worker that is killed with requests under way', async () => {
    const waiting = Array.from({ length: 6 }, () => bench.ask('/wait').catch(() => 'cut'));
    const isWaiting = (): boolean =>
      bench.backends.every(({ asked }) => asked.filter((url) => url === '/wait').length >= 4);
    await until(isWaiting);
    await bench.edge.remove('c', ignore, soon());
    assert.ok((await bench.edge.inFlight('c', soon())) > 0);
    const before = bench.workers();
    for (const pid of before) process.kill(pid, 'SIGKILL');
    await until(() => bench.workers().length > 0 && bench.workers().every((pid) => !before.includes(pid)));
    await until(async () => (await bench.edge.inFlight('c', soon())) === 0);
    assert.ok((await Promise.all(waiting)).every((answer) => answer === 'cut'));
    for (const { release } of bench.backends) release();
    assert.deepEqual((await bench.edge.status(soon())).out, ['c']);
    assert.doesNotMatch(await bench.ask(), /^c/);
    await restoreAll(bench);
  });

  it('E30: requests wait at the edge while no node is in rotation, and are then run once', async () => {
    await Promise.all(names.map((name) => bench.edge.remove(name, ignore, soon())));
    const held = Array.from({ length: 5 }, () =>
      send(bench.port, { path: '/held', method: 'POST', body: 'x'.repeat(2_000) }),
    );
    await delay(150);
    assert.equal(bench.backends.flatMap(({ asked }) => asked).filter((url) => url === '/held').length, 0);
    await bench.edge.restore('b', ignore, soon());
    for (const { status, body } of await Promise.all(held))
      assert.deepEqual([status, body], [200, 'b POST 2000']);
    assert.equal(bench.backends.flatMap(({ asked }) => asked).filter((url) => url === '/held').length, 5);
    await restoreAll(bench);
  });

  it('E30: where no node comes back in time, each request that waited gets 503 with Retry-After and no node sees it', async () => {
    const short = await makeBench({ kind: 'managed', mode: 'gate', more: { holdMs: 400 } });
    try {
      await short.edge.open([...names], soon());
      const began = performance.now();
      const refused = await Promise.all(
        Array.from({ length: 10 }, (_, index) =>
          refusal(short.port, '/late', index % 2 === 0 ? 'GET' : 'POST', index % 2 === 0 ? '' : 'body'),
        ),
      );
      const ms = performance.now() - began;
      assert.ok(ms >= 400 && ms < 5_000, `${ms} ms`);
      for (const one of refused) assert.deepEqual(one, { status: 503, retryAfter: '5' });
      assert.deepEqual(
        short.backends.flatMap(({ asked }) => asked),
        [],
      );
      await short.edge.restore('b', ignore, soon());
      assert.deepEqual(await send(short.port, { path: '/late' }), { status: 200, body: 'b GET 0' });
    } finally {
      await short.dispose();
    }
  });

  it('a POST that a node cut off is not sent to another one, gated or not', async () => {
    for (const out of [[], ['c']]) {
      await bench.edge.open(out, soon());
      const before = bench.backends.flatMap(({ asked }) => asked).length;
      assert.equal((await send(bench.port, { path: '/die', method: 'POST', body: 'x' })).status, 502);
      assert.equal(bench.backends.flatMap(({ asked }) => asked).length, before + 1);
    }
    await restoreAll(bench);
  });

  it('E16: a node stays out when nginx is stopped, or killed, and started by hand', async () => {
    await bench.edge.remove('a', ignore, soon());
    const generation = (await bench.edge.remove('a', ignore, soon())).generation;
    for (const signal of ['SIGQUIT', 'SIGKILL'] as const) {
      await bench.killNginx(signal);
      await assert.rejects(bench.edge.remove('b', ignore, soon()), { code: 'notRunning' });
      assert.equal((await bench.edge.status(soon())).state, 'stopped');
      await bench.startNginx();
      const answers = await Promise.all(Array.from({ length: 30 }, () => bench.ask()));
      assert.deepEqual(
        answers.filter((answer) => answer.startsWith('a')),
        [],
      );
      assert.deepEqual((await bench.edge.status(soon())).out, ['a']);
    }
    const restored = await bench.edge.restore('a', ignore, soon());
    assert.ok(restored.generation > generation);
    const answers = await Promise.all(Array.from({ length: 30 }, () => bench.ask()));
    assert.ok(answers.some((answer) => answer.startsWith('a')));
  });

  it('E15: a foreign HUP changes nothing and loses no request', async () => {
    await bench.edge.remove('a', ignore, soon());
    const before = backend(bench, 'a').asked.length;
    // On fresh connections: nginx before 1.27.4 resets idle keep-alive ones at any reload, whoever asks for it.
    const load = startLoad(bench.port, bench.backends, { connections: 8, isKeepAlive: false });
    const pid = (await bench.edge.status(soon())).pid ?? 0;
    for (let round = 0; round < 3; round += 1) {
      const old = bench.workers();
      process.kill(pid, 'SIGHUP');
      await until(
        () => bench.workers().length > 0 && bench.workers().every((worker) => !old.includes(worker)),
      );
    }
    const { sent, lost, duplicates } = await load.stop();
    assert.ok(sent > 50, `only ${sent} requests were sent`);
    assert.deepEqual({ lost, duplicates }, { lost: [], duplicates: 0 });
    assert.equal(backend(bench, 'a').asked.length, before);
    assert.deepEqual((await bench.edge.status(soon())).out, ['a']);
    const proof = await bench.edge.restore('a', ignore, soon());
    assert.equal(proof.mode, 'gate');
    const answers = await Promise.all(Array.from({ length: 30 }, () => bench.ask()));
    assert.ok(answers.some((answer) => answer.startsWith('a')));
  });

  it('while a node is out, requests to one that refuses connections go on to the next', async () => {
    const dead = await makeBench({ kind: 'managed', mode: 'gate' });
    try {
      await dead.edge.open(['c'], soon());
      await dead.backends[0].close();
      const answers = await Promise.all(
        Array.from({ length: 20 }, (_, index) => send(dead.port, { method: index % 2 ? 'POST' : 'GET' })),
      );
      for (const { status, body } of answers) assert.deepEqual([status, body[0]], [200, 'b']);
    } finally {
      await dead.dispose();
    }
  });
});

describe('the ways to balance under the gate', () => {
  const balances: NginxBalance[] = [
    { type: 'least_conn' },
    { type: 'ip_hash' },
    { type: 'hash', key: '$arg_user-x' },
  ];
  for (const balance of balances) {
    it(`${balance.type}: a removed node gets nothing and other nodes keep their keys`, async () => {
      const bench = await makeBench({ kind: 'managed', mode: 'gate', more: { balance } });
      try {
        await bench.edge.open([], soon());
        const askAll = async (): Promise<string[]> =>
          await Promise.all(
            Array.from({ length: 30 }, async (_, index) => (await bench.ask(`/?user=${index}`))[0] ?? ''),
          );
        const before = await askAll();
        const gone = before[0] ?? 'a';
        await bench.edge.remove(gone, ignore, soon());
        const during = await askAll();
        assert.ok(!during.includes(gone));
        if (balance.type === 'hash') {
          assert.equal(new Set(before).size, 3);
          assert.deepEqual(
            during.filter((_, index) => before[index] !== gone),
            before.filter((node) => node !== gone),
          );
        }
        await bench.edge.restore(gone, ignore, soon());
        if (balance.type !== 'least_conn') assert.deepEqual(await askAll(), before);
      } finally {
        await bench.dispose();
      }
    });
  }
});

describe('a controller that died', () => {
  it('leaves nginx serving; the next one adopts it with its nodes still out, without a reload', async () => {
    const bench = await makeBench({ kind: 'managed', mode: 'gate' });
    try {
      await bench.edge.open([], soon());
      const { generation } = await bench.edge.remove('b', ignore, soon());
      const before = { pid: (await bench.edge.status(soon())).pid, workers: bench.workers() };
      const next = createNginxEdge(bench.options);
      await next.open(['b'], soon());
      assert.deepEqual({ pid: (await next.status(soon())).pid, workers: bench.workers() }, before);
      assert.equal((await next.remove('b', ignore, soon())).generation, generation);
      const answers = await Promise.all(Array.from({ length: 20 }, () => bench.ask()));
      assert.ok(answers.every((answer) => !answer.startsWith('b')));
      await next.close(soon());
    } finally {
      await bench.dispose();
    }
  });
});
