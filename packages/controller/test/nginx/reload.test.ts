import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { EdgeProgress } from '../../src/ports/edge.ts';
import { type Bench, freePort, ignore, large, makeBench, send, soon, until } from './harness.ts';
import { startLoad } from './load.ts';
import { beginUpload, openSlowClient } from './slow-client.ts';

describe('a managed nginx by reload', () => {
  let bench: Bench;
  before(async () => {
    bench = await makeBench({ kind: 'managed', mode: 'reload' });
    await bench.edge.open([], soon());
  });
  after(async () => await bench.dispose());

  it('E3: a removal waits for an upload begun before it, which the node may still get', async () => {
    const uploads = await Promise.all(
      Array.from({ length: 6 }, (_, index) => beginUpload(bench.port, `up-${index}`)),
    );
    const progress: EdgeProgress[] = [];
    let isProven = false;
    const removal = bench.edge
      .remove('a', (one) => progress.push(one), soon())
      .then((proof) => {
        isProven = true;
        return proof;
      });
    await until(() => progress.some(({ state }) => state === 'old_draining'));
    assert.equal(isProven, false);
    const answers = await Promise.all(uploads.map(async ({ finish }) => await finish()));
    for (const answer of answers) assert.match(answer, /^HTTP\/1\.1 200 /);
    assert.ok(
      bench.backends[0].asked.some((id) => id.startsWith('up-')),
      'the old configuration still had the node',
    );
    assert.equal((await removal).mode, 'reload');
    assert.deepEqual(
      progress.map(({ state }) => state).filter((state, index, all) => state !== all[index - 1]),
      ['applied', 'old_draining', 'quiesced'],
    );
    await bench.edge.restore('a', ignore, soon());
  });

  it('one removal that is given up is taken back alone: the others of its batch go on', async () => {
    const upload = await beginUpload(bench.port, 'keeps-an-old-worker');
    const progress: EdgeProgress[] = [];
    const giveUp = new AbortController();
    const either = AbortSignal.any([giveUp.signal, soon()]);
    const [given, kept] = [
      bench.edge.remove('a', (one) => progress.push(one), either),
      bench.edge.remove('b', ignore, soon()),
    ];
    const isRejected = assert.rejects(given, { code: 'edgeUnproven' });
    await until(() => progress.some(({ state }) => state === 'old_draining'));
    giveUp.abort();
    await isRejected;
    assert.deepEqual((await bench.edge.status(soon())).out, ['b']);
    assert.match(await upload.finish(), /^HTTP\/1\.1 200 /);
    assert.equal((await kept).mode, 'reload');
    const [a, b] = bench.backends.map(({ asked }) => asked.length);
    for (let index = 0; index < 12; index += 1) await bench.ask();
    assert.ok(bench.backends[0].asked.length > (a ?? 0), 'the one that was given up serves');
    assert.equal(bench.backends[1].asked.length, b);
    await bench.edge.restore('b', ignore, soon());
  });

  it('E4: a connection opened before the reload, silent until after it, is served before the removal is proved', async () => {
    const clients = await Promise.all(
      Array.from({ length: 6 }, async () => await openSlowClient(bench.port)),
    );
    // nginx has taken all of them once a later connection is answered by each worker: both accept in order.
    for (let index = 0; index < 20; index += 1) await bench.ask();
    const progress: EdgeProgress[] = [];
    let isProven = false;
    const removal = bench.edge
      .remove('b', (one) => progress.push(one), soon())
      .then(() => {
        isProven = true;
      });
    await until(() => progress.some(({ state }) => state === 'applied'));
    for (const client of clients) {
      assert.equal(isProven, false);
      await client.send('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
      assert.match(await client.answer, /^HTTP\/1\.1 200 [\s\S]*GET 0$/);
    }
    await removal;
    const asked = bench.backends[1].asked.length;
    for (let index = 0; index < 12; index += 1) await bench.ask();
    assert.equal(bench.backends[1].asked.length, asked);
    await bench.edge.restore('b', ignore, soon());
  });

  it('E2: loses no request on fresh connections, and nothing reaches a node once its removal is proved', async () => {
    const load = startLoad(bench.port, bench.backends, { connections: 6, isKeepAlive: false });
    for (const [index, name] of ['a', 'b', 'c', 'a'].entries()) {
      await bench.edge.remove(name, ignore, soon());
      const backend = bench.backends[index % 3] ?? bench.backends[0];
      const before = backend.asked.length;
      for (let more = 0; more < 6; more += 1) await bench.ask();
      assert.equal(backend.asked.length, before);
      await bench.edge.restore(name, ignore, soon());
    }
    const { sent, lost, duplicates } = await load.stop();
    assert.ok(sent > 100, `only ${sent} requests were sent`);
    assert.deepEqual({ lost, duplicates }, { lost: [], duplicates: 0 });
  });

  it('E18: fifty changes asked for at once cost few reloads and leave two generations of workers at most', async () => {
    const perGeneration = bench.workers().length;
    const first = await bench.edge.restore('a', ignore, soon());
    let most = 0;
    const timer = setInterval(() => {
      most = Math.max(most, bench.workers().length);
    }, 5);
    const nodes = Array.from({ length: 50 }, (_, index) => ['a', 'b'][index % 2] ?? 'a');
    const proofs = await Promise.all(nodes.map((node) => bench.edge.remove(node, ignore, soon())));
    clearInterval(timer);
    assert.equal(Math.max(...proofs.map(({ generation }) => generation)), first.generation + 1);
    assert.ok(most <= 2 * perGeneration, `${most} workers`);
    await Promise.all(['a', 'b'].map((node) => bench.edge.restore(node, ignore, soon())));
  });

  it('E16: a node stays out when nginx is stopped and started by hand', async () => {
    await bench.edge.remove('c', ignore, soon());
    await bench.killNginx('SIGKILL');
    await bench.startNginx();
    const answers = await Promise.all(Array.from({ length: 20 }, () => bench.ask()));
    assert.ok(answers.every((answer) => !answer.startsWith('c')));
    await bench.edge.restore('c', ignore, soon());
  });
});

describe('a reload that cannot be proved', () => {
  it('E8: an old worker that serves on past the deadline is edgeUnproven, and the node is in rotation again', async () => {
    const bench = await makeBench({ kind: 'managed', mode: 'reload', more: { quiesceTimeoutMs: 600 } });
    try {
      await bench.edge.open([], soon());
      const stream = bench.ask('/stream');
      await until(() => bench.backends.some(({ asked }) => asked.length > 0));
      const progress: EdgeProgress[] = [];
      await assert.rejects(
        bench.edge.remove('a', (one) => progress.push(one), soon()),
        (thrown: Error) => {
          assert.equal((thrown as { code?: string }).code, 'edgeUnproven');
          assert.match(thrown.message, /1 old workers/);
          return true;
        },
      );
      assert.ok(!progress.some(({ state }) => state === 'quiesced'));
      assert.deepEqual((await bench.edge.status(soon())).out, []);
      const answers = await Promise.all(Array.from({ length: 20 }, () => bench.ask()));
      assert.ok(answers.some((answer) => answer.startsWith('a')));
      for (const { release } of bench.backends) release();
      await stream;
    } finally {
      await bench.dispose();
    }
  });

  it('E6: a configuration that passes the test and fails at the HUP is rolled back, and applied is never told', async () => {
    const bench = await makeBench({ kind: 'attached', mode: 'reload' });
    const port = await freePort();
    const squatter = createServer();
    try {
      await bench.edge.open([], soon());
      await new Promise<void>((resolve) => squatter.listen(port, '127.0.0.1', resolve));
      const conf = join(bench.folder, 'user.conf');
      const good = readFileSync(conf, 'utf8');
      writeFileSync(conf, good.replace('http {', `http { server { listen 127.0.0.1:${port}; }`));
      const before = readFileSync(bench.include);
      const progress: EdgeProgress[] = [];
      await assert.rejects(
        bench.edge.remove('a', (one) => progress.push(one), soon()),
        (thrown: Error) => {
          assert.equal((thrown as { code?: string }).code, 'edgeRejected');
          assert.match(thrown.message, /\[emerg\].*bind\(\).*Address already in use/);
          return true;
        },
      );
      assert.deepEqual(progress, []);
      assert.deepEqual(readFileSync(bench.include), before);
      assert.equal((await send(bench.port)).status, 200);
      writeFileSync(conf, good);
      await bench.edge.remove('a', ignore, soon());
      assert.deepEqual((await bench.edge.status(soon())).out, ['a']);
    } finally {
      squatter.close();
      await bench.dispose();
    }
  });

  it('E17: while a binary upgrade is under way a removal is refused and changes nothing', async () => {
    const bench = await makeBench({ kind: 'managed', mode: 'reload' });
    try {
      await bench.edge.open([], soon());
      const before = readFileSync(bench.include);
      writeFileSync(`${bench.pidFile}.oldbin`, String((await bench.edge.status(soon())).pid));
      await assert.rejects(bench.edge.remove('a', ignore, soon()), {
        code: 'edgeRejected',
        message: /binary upgrade/,
      });
      assert.deepEqual(readFileSync(bench.include), before);
    } finally {
      await bench.dispose();
    }
  });

  it('E22: large answers on their way through reloads arrive byte for byte', async (t) => {
    const bench = await makeBench({ kind: 'managed', mode: 'reload' });
    try {
      await bench.edge.open([], soon());
      let isOver = false;
      let whole = 0;
      const read = async (): Promise<void> => {
        while (!isOver) {
          const { status, body } = await send(bench.port, { path: '/large' });
          assert.ok(status === 200 && body === large.toString(), `${status}, ${body.length} bytes`);
          whole += 1;
        }
      };
      const readers = Promise.all(Array.from({ length: 6 }, read));
      for (let round = 0; round < 3; round += 1) {
        await bench.edge.remove('a', ignore, soon());
        await bench.edge.restore('a', ignore, soon());
      }
      isOver = true;
      await readers;
      assert.ok(whole >= 20, `only ${whole} answers`);
      t.diagnostic(`${whole} answers of ${large.length} bytes over 6 reloads`);
    } finally {
      await bench.dispose();
    }
  });
});
