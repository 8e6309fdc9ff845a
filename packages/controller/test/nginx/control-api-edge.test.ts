import assert from 'node:assert/strict';
import { existsSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';
import type { LameduckError } from '@lameduck/core';
import { checkNginxEdge } from '../../src/adapters/nginx/check-edge.ts';
import { createNginxEdge } from '../../src/adapters/nginx/edge.ts';
import { findMaster } from '../../src/adapters/nginx/master.ts';
import type { EdgeProgress } from '../../src/ports/edge.ts';
import { readArguments } from '../../src/processes/identity.ts';
import { type Bench, freePort, ignore, makeBench, soon, until } from './harness.ts';
import { startLoad } from './load.ts';
import { beginUpload } from './slow-client.ts';

// Of an nginx that has the API no package is to be had: a real one is used where its program is named.
const real = process.env['LAMEDUCK_NGINX_CONTROL_API'];
const nginx = real ?? join(import.meta.dirname, '../fixtures/nginx/control-api-stand-in.py');
const kind = real === undefined ? 'a stand-in around the real nginx' : 'a real nginx that has it';
const onlyStandIn =
  real !== undefined && 'needs what the stand-in has: failures on demand, and the Lua module';
const more = { nginx };

/** Counts the HUPs that we send; they go on to nginx. */
function countHups(test: TestContext): () => number {
  const { mock } = test.mock.method(process, 'kill');
  return () => mock.calls.filter(({ arguments: [, name] }) => name === 'SIGHUP').length;
}

function titleOf({ pidFile }: Bench): string {
  return readArguments(findMaster(pidFile)?.pid ?? 0)[0] ?? '';
}

async function askMany(bench: Bench): Promise<string[]> {
  return (await Promise.all(Array.from({ length: 30 }, () => bench.ask()))).map((answer) => answer[0] ?? '');
}

async function countAnswersOf(bench: Bench, node: string): Promise<number> {
  return (await askMany(bench)).filter((name) => name === node).length;
}

describe(`a managed nginx with a Control API (${kind})`, () => {
  let bench: Bench;
  let api: string;
  before(async () => {
    bench = await makeBench({ kind: 'managed', mode: 'reload', more });
    api = join(bench.folder, 'edge/api.sock');
    await bench.edge.open([], soon());
  });
  after(async () => await bench.dispose());

  it('is started with a socket of ours that nobody else may use', async () => {
    assert.ok(titleOf(bench).includes(` -l unix:${api}`), titleOf(bench));
    assert.equal(statSync(api).mode & 0o777, 0o600);
    const { asksControlApi } = await checkNginxEdge(bench.options, {
      timeoutGracefulShutdownMs: 30_000,
      keepAliveMs: new Map(),
    });
    assert.equal(asksControlApi, true);
  });

  it('loses no request on fresh connections while nodes leave and come back without a HUP of ours', async (test) => {
    const hups = countHups(test);
    const load = startLoad(bench.port, bench.backends, { connections: 6, isKeepAlive: false });
    test.after(async () => void (await load.stop()));
    for (const [index, name] of ['a', 'b', 'c'].entries()) {
      await bench.edge.remove(name, ignore, soon());
      const backend = bench.backends[index] ?? bench.backends[0];
      const served = backend.asked.length;
      for (let count = 0; count < 6; count += 1) await bench.ask();
      assert.equal(backend.asked.length, served, `${name} was asked after the proof`);
      await bench.edge.restore(name, ignore, soon());
    }
    const { sent, lost, duplicates } = await load.stop();
    assert.ok(sent > 100, `only ${sent} requests`);
    assert.deepEqual([lost, duplicates, hups()], [[], 0, 0]);
  });

  it('proves a removal as ever: an answer of nginx is not the end of its old workers', async (test) => {
    const hups = countHups(test);
    const upload = await beginUpload(bench.port, 'holds-an-old-worker');
    const progress: EdgeProgress[] = [];
    let isProven = false;
    const removal = bench.edge
      .remove('a', (one) => progress.push(one), soon())
      .then(() => {
        isProven = true;
      });
    await until(() => progress.some(({ state }) => state === 'old_draining'));
    assert.equal(isProven, false);
    assert.match(await upload.finish(), /^HTTP\/1\.1 200 /);
    await removal;
    await bench.edge.restore('a', ignore, soon());
    assert.equal(hups(), 0);
  });

  it('starts again where a kill has left the socket behind, and removes it at its end', async () => {
    await bench.killNginx('SIGKILL');
    assert.ok(existsSync(api), 'nothing was left behind: it proves nothing');
    await bench.edge.open(['a'], soon());
    assert.equal(await countAnswersOf(bench, 'a'), 0);
    await bench.edge.close(soon());
    assert.equal(existsSync(api), false);
  });
});

describe(`the gate of a managed nginx with a Control API (${kind})`, { skip: onlyStandIn }, () => {
  it('is loaded by it where another configuration takes over what runs', async (test) => {
    const hups = countHups(test);
    const bench = await makeBench({ kind: 'managed', mode: 'gate', more });
    test.after(async () => await bench.dispose());
    await bench.edge.open([], soon());
    const [master, api] = [findMaster(bench.pidFile)?.pid, join(bench.folder, 'edge/api.sock')];
    await bench.edge.release();
    const nodes = bench.options.nodes.map((node) => ({ ...node, weight: 2 }));
    const next = createNginxEdge({ ...bench.options, nodes });
    await next.open(['b'], soon());
    assert.equal(await countAnswersOf(bench, 'b'), 0);
    assert.deepEqual([findMaster(bench.pidFile)?.pid, requests(api).length, hups()], [master, 1, 0]);
    await next.close(soon());
  });
});

describe(`an attached nginx with a Control API (${kind})`, () => {
  /** The user's nginx, started with `-l`, and the edge open; ends with the test. */
  async function attach(test: TestContext, limits = {}): Promise<{ bench: Bench; api: string }> {
    const bench = await makeBench({
      kind: 'attached',
      mode: 'reload',
      more: { ...more, ...limits },
      arguments: (folder) => ['-l', `unix:${join(folder, 'api.sock')}`],
    });
    test.after(async () => await bench.dispose());
    await bench.edge.open([], soon());
    return { bench, api: join(bench.folder, 'api.sock') };
  }

  it('is found by its command line and asked for each reload', async (test) => {
    const hups = countHups(test);
    const { bench, api } = await attach(test);
    const expectations = { timeoutGracefulShutdownMs: 30_000, keepAliveMs: new Map<string, number>() };
    const { asksControlApi, attached } = await checkNginxEdge(bench.options, expectations);
    assert.deepEqual([asksControlApi, attached?.controlApi], [true, `unix:${api}`]);
    await bench.edge.remove('a', ignore, soon());
    assert.equal(await countAnswersOf(bench, 'a'), 0);
    await bench.edge.restore('a', ignore, soon());
    assert.ok((await countAnswersOf(bench, 'a')) > 0);
    assert.equal(hups(), 0);
  });

  it('is sent HUP where nobody can connect to the API', async (test) => {
    const { bench, api } = await attach(test);
    const hups = countHups(test);
    rmSync(api);
    await bench.edge.remove('a', ignore, soon());
    assert.equal(hups(), 1);
    await leaveStaleSocket(api);
    await bench.edge.restore('a', ignore, soon());
    assert.equal(hups(), 2);
    assert.ok((await countAnswersOf(bench, 'a')) > 0);
  });

  it('tells from its error log why it cannot listen, and goes on as before', async (test) => {
    const { bench } = await attach(test);
    const hups = countHups(test);
    const [workers, before] = [bench.workers(), readFileSync(bench.include, 'utf8')];
    const port = await freePort();
    const held = createServer().listen(port, '127.0.0.1');
    test.after(() => held.close());
    const conf = join(bench.folder, 'user.conf');
    const text = readFileSync(conf, 'utf8');
    // with a warning, which nginx tells in its answer
    writeFileSync(conf, text.replace(/listen .*;/, `$& listen 127.0.0.1:${port}; allow 1.2.3.4/8;`));
    await assert.rejects(bench.edge.remove('a', ignore, soon()), {
      code: 'edgeRejected',
      message: new RegExp(`\\[emerg\\] .* bind\\(\\) to 127\\.0\\.0\\.1:${port} failed`),
    });
    assert.deepEqual([bench.workers(), readFileSync(bench.include, 'utf8'), hups()], [workers, before, 0]);
  });

  describe('which fails on demand', { skip: onlyStandIn }, () => {
    const refused = (...lines: readonly string[]): string => {
      const body = JSON.stringify({ logs: lines.map((line) => `${line}\n`) });
      return `HTTP/1.1 422 Unprocessable Entity\r\nConnection: close\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
    };
    const warning = '2026/11/23 04:01:20 [warn] 7#0: low address bits of 1.2.3.4/8 are meaningless';
    const emergency = '2026/11/23 04:01:20 [emerg] 7#0: unknown directive "bad" in /srv/n.conf:4';

    it('a refusal is the end at once, with its line: rolled back, no HUP, no request notices', async (test) => {
      const { bench, api } = await attach(test);
      const hups = countHups(test);
      const [workers, before] = [bench.workers(), readFileSync(bench.include, 'utf8')];
      const load = startLoad(bench.port, bench.backends, { connections: 6, isKeepAlive: true });
      test.after(async () => void (await load.stop()));
      // without its time and its process
      for (const [lines, reason] of [
        [[warning, emergency], '[emerg] unknown directive "bad" in /srv/n.conf:4'],
        [[warning], '[warn] low address bits of 1.2.3.4/8 are meaningless'],
        [[], 'no message'],
      ] as const) {
        writeFileSync(`${api}.fault`, refused(...lines));
        await assert.rejects(bench.edge.remove('a', ignore, soon()), (thrown: LameduckError) => {
          assert.equal(thrown.code, 'edgeRejected');
          assert.equal(thrown.details['line'], reason);
          return true;
        });
      }
      assert.ok((await countAnswersOf(bench, 'a')) > 0);
      assert.deepEqual((await load.stop()).lost, []);
      assert.deepEqual([bench.workers(), readFileSync(bench.include, 'utf8'), hups()], [workers, before, 0]);
      assert.deepEqual(requests(api).slice(-3), Array(3).fill('PATCH /1/control/config HTTP/1.1'));
    });

    it('no answer is in doubt until the deadline: taken back, and one HUP makes sure of it', async (test) => {
      const { bench, api } = await attach(test, { applyTimeoutMs: 3_000 });
      const hups = countHups(test);
      const before = readFileSync(bench.include, 'utf8');
      writeFileSync(`${api}.fault`, 'hang');
      await assert.rejects(bench.edge.remove('a', ignore, soon()), {
        code: 'edgeRejected',
        message: /did not answer before the deadline/,
      });
      assert.deepEqual([readFileSync(bench.include, 'utf8'), hups()], [before, 1]);
      assert.ok((await countAnswersOf(bench, 'a')) > 0);
    });

    it('a connection that breaks after the reload is no failure: the new workers answer', async (test) => {
      const { bench, api } = await attach(test);
      const hups = countHups(test);
      writeFileSync(`${api}.fault`, 'drop');
      await bench.edge.remove('a', ignore, soon());
      assert.equal(await countAnswersOf(bench, 'a'), 0);
      assert.equal(hups(), 0);
    });

    it('an API that does not know the request is passed over', async (test) => {
      const { bench, api } = await attach(test);
      const hups = countHups(test);
      writeFileSync(`${api}.fault`, 'HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n');
      await bench.edge.remove('a', ignore, soon());
      assert.equal(hups(), 1);
    });
  });
});

/** What the stand-in was asked. */
function requests(api: string): readonly string[] {
  return readFileSync(`${api}.log`, 'utf8').trim().split('\n');
}

/** A socket file on which nobody listens, as a killed process leaves it. */
async function leaveStaleSocket(path: string): Promise<void> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(`${path}.new`, resolve));
  renameSync(`${path}.new`, path);
  await new Promise((resolve) => server.close(resolve));
}
