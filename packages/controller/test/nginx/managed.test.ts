import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { type IncomingMessage, request } from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { isAtLeast, readBuild } from '../../src/adapters/nginx/build.ts';
import { createNginxEdge } from '../../src/adapters/nginx/edge.ts';
import { findMaster } from '../../src/adapters/nginx/master.ts';
import { parseIncludeHeader } from '../../src/adapters/nginx/render-include.ts';
import {
  type Bench,
  type BenchOptions,
  ignore,
  isAlive,
  makeBench,
  nginxBinary,
  send,
  soon,
  until,
} from './harness.ts';

async function withBench(wanted: BenchOptions, run: (bench: Bench) => Promise<void>): Promise<void> {
  const bench = await makeBench(wanted);
  try {
    await run(bench);
  } finally {
    await bench.dispose();
  }
}

describe('a managed nginx', () => {
  it('a port in use is addressInUse with the pid of its holder, and nothing is left running', async () => {
    await withBench({ kind: 'managed', mode: 'auto' }, async (bench) => {
      const squatter = createServer();
      await new Promise<void>((resolve) => squatter.listen(bench.port, '127.0.0.1', resolve));
      await assert.rejects(bench.edge.open([], soon()), (thrown: Error) => {
        const { code, details } = thrown as Error & { code: string; details: { pid?: number } };
        assert.deepEqual([code, details.pid], ['addressInUse', process.pid]);
        return true;
      });
      assert.equal(findMaster(bench.pidFile), undefined);
      const { state, reason } = await bench.edge.status(soon());
      assert.deepEqual([state, reason], ['stopped', `no nginx master of ${bench.pidFile}`]);
      assert.equal(await bench.edge.prepare(() => ['a'], soon()), true);
      await new Promise((resolve) => squatter.close(resolve));
      await bench.edge.open([], soon());
      assert.equal((await send(bench.port)).status, 200);
    });
  });

  it('a missing program is binaryMissing and tells how to get it', async () => {
    await withBench({ kind: 'managed', mode: 'auto', more: { nginx: '/nowhere/nginx' } }, async (bench) => {
      await assert.rejects(bench.edge.open([], soon()), {
        code: 'binaryMissing',
        message: /apt-get install nginx/,
      });
    });
  });

  it('E24: sticky sessions are refused where the gate is wanted or nginx has none', async (t) => {
    const sticky = { cookie: 'shop', path: '/', expiresMs: undefined, drainMs: 1000 };
    const wanted = { kind: 'managed', mode: 'gate', more: { sticky } } as const;
    await withBench(wanted, async ({ edge }) => {
      const message =
        /edge "edge-1": its mode must be auto or reload, as the gate has no sticky sessions: current value is gate/;
      await assert.rejects(edge.open([], soon()), { code: 'binaryMissing', message });
    });
    await withBench({ ...wanted, mode: 'auto' }, async (bench) => {
      const command = { binary: nginxBinary, arguments: [], environment: process.env };
      const build = await readBuild(command);
      if (isAtLeast(build, 1, 29, 6)) return t.skip(`${build.server} has them`);
      const message = `Cannot keep sessions sticky on edge "edge-1": nginx must be 1.29.6 or later: current value is ${build.server}`;
      await assert.rejects(bench.edge.open([], soon()), { code: 'binaryMissing', message });
      assert.equal(findMaster(bench.pidFile), undefined);
    });
  });

  it('without the Lua module auto is the reload mode and gate is binaryMissing', async () => {
    const empty = mkdtempSync(join(tmpdir(), 'lameduck-no-modules-'));
    const environment = { ...process.env, LAMEDUCK_NGINX_MODULES: empty };
    await withBench({ kind: 'managed', mode: 'auto', more: { environment } }, async (bench) => {
      await bench.edge.open([], soon());
      assert.equal(bench.edge.mode, 'reload');
      const gate = createNginxEdge({ ...bench.options, mode: 'gate' });
      await assert.rejects(gate.open([], soon()), {
        code: 'binaryMissing',
        message: /libnginx-mod-http-lua/,
      });
      assert.equal((await send(bench.port)).status, 200);
    });
    rmSync(empty, { recursive: true });
  });

  it('a module file that does not load makes auto the reload mode', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'lameduck-bad-module-'));
    mkdirSync(join(folder, 'ngx_http_lua_module.so'));
    const environment = { ...process.env, LAMEDUCK_NGINX_MODULES: folder };
    await withBench({ kind: 'managed', mode: 'auto', more: { environment } }, async (bench) => {
      await bench.edge.open([], soon());
      assert.equal(bench.edge.mode, 'reload');
    });
    rmSync(folder, { recursive: true });
  });

  it('keeps its control socket from others: in a folder of mode 0700, and 403 without the token', async () => {
    await withBench({ kind: 'managed', mode: 'gate' }, async (bench) => {
      await bench.edge.open([], soon());
      assert.equal(statSync(bench.options.directory).mode & 0o777, 0o700);
      assert.equal(statSync(bench.include).mode & 0o777, 0o600);
      const socketPath = join(bench.options.directory, 'control.sock');
      for (const [token, status] of [
        [undefined, 403],
        ['0', 403],
        [parseIncludeHeader(readFileSync(bench.include, 'utf8'))?.token, 200],
      ] as const) {
        const headers = token === undefined ? {} : { 'x-lameduck-token': token };
        const [answer] = await once(
          request({ socketPath, path: '/gate', headers, agent: false }).end(),
          'response',
        );
        assert.equal((answer as IncomingMessage).resume().statusCode, status);
      }
      // What clients reach is the nodes, never the gate.
      assert.match((await send(bench.port, { path: '/gate' })).body, /^[abc] GET 0$/);
    });
  });

  it('a folder with a long or odd name still gets a control socket, which close removes', async () => {
    const odd = mkdtempSync(join(tmpdir(), 'lameduck odd '));
    const directory = join(odd, 'x'.repeat(100), 'edge');
    await withBench({ kind: 'managed', mode: 'gate', more: { directory } }, async (bench) => {
      await bench.edge.open(['a'], soon());
      const socket =
        /listen "unix:([^"]+)"/.exec(readFileSync(join(directory, 'service.conf'), 'utf8'))?.[1] ?? '';
      assert.ok(socket.length < 100 && existsSync(socket), socket);
      assert.doesNotMatch(await bench.ask(), /^a/);
      const pid = (await bench.edge.status(soon())).pid ?? 0;
      await bench.edge.close(soon());
      assert.equal(existsSync(socket), false);
      assert.equal(isAlive(pid), false);
    });
    rmSync(odd, { recursive: true });
  });

  it('close lets a request under way end, and cuts it when the signal aborts', async () => {
    for (const isPatient of [true, false]) {
      await withBench({ kind: 'managed', mode: 'gate' }, async (bench) => {
        await bench.edge.open([], soon());
        const answer = bench.ask('/wait').catch(() => 'cut');
        await until(() => bench.backends.some(({ asked }) => asked.includes('/wait')));
        const pid = (await bench.edge.status(soon())).pid ?? 0;
        const closed = bench.edge.close(isPatient ? soon() : AbortSignal.timeout(200));
        if (isPatient) for (const { release } of bench.backends) release();
        await closed;
        assert.equal(isAlive(pid), false);
        assert.equal(await answer, isPatient ? answerOf(await answer) : 'cut');
      });
    }
  });

  it('a changed list of nodes is taken over by the next open', async () => {
    await withBench({ kind: 'managed', mode: 'gate' }, async (bench) => {
      const fewer = createNginxEdge({ ...bench.options, nodes: bench.options.nodes.slice(0, 2) });
      await fewer.open([], soon());
      await bench.edge.open(['a'], soon());
      const answers = await Promise.all(Array.from({ length: 20 }, () => bench.ask()));
      assert.deepEqual([...new Set(answers.map((answer) => answer[0]))].sort(), ['b', 'c']);
      await bench.edge.restore('a', ignore, soon());
      await fewer.close(soon());
    });
  });
});

function answerOf(text: string): string {
  assert.match(text, /^[abc]$/);
  return text;
}
